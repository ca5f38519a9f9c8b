// The body of an HTTP error as a schema, for the OpenAPI document and for tests of replies.
import Type from 'typebox';

export const ProblemSchema = Type.Object({
  loc: Type.Array(Type.Union([Type.String(), Type.Integer()]), {
    description: 'The exact field.',
    examples: [['body', 'overrides', '6', 'inputs', 'steps']],
  }),
  msg: Type.String({ description: 'For a person: what is wrong and what would be right.' }),
  type: Type.String({ description: "For a program; ComfyUI's own error type where there is one." }),
  input: Type.Optional(Type.Unknown({ description: 'What was there, shortened when long.' })),
});

export const ErrorBodySchema = Type.Object({
  error_code: Type.Integer({ description: 'The code in the error catalogue.' }),
  error: Type.String({ description: 'The name in the error catalogue.' }),
  error_message: Type.String(),
  message: Type.String({ description: 'The same text as error_message.' }),
  code: Type.Integer({ description: 'The same number as error_code.' }),
  detail: Type.Optional(Type.Array(ProblemSchema)),
  hint: Type.Optional(Type.String({ description: 'What to do about it.' })),
  request_id: Type.String({ description: 'The id of this exchange, also in the header x-request-id.' }),
});
