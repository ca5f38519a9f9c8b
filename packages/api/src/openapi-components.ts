// The schemas that get a name in the OpenAPI document; wherever one of them occurs, the document refers to it.
import type { TSchema } from 'typebox';
import { Account, Token } from './accounts.ts';
import { Deployment, DeploymentCreate, DeploymentPatch, DeploymentPayload } from './deployments.ts';
import { ErrorBodySchema, ProblemSchema } from './error-schema.ts';
import { Hardware } from './hardware.ts';
import {
  CancelReplyV1,
  CancelReplyV2,
  NodeOutput,
  OutputFile,
  RequestResult,
  RequestStatus,
  ResultErrorSchema,
  SubmitAndResult,
  SubmitBody,
  SubmitReply,
} from './requests.ts';
import { Finding, Parameter, Version, VersionCreate, VersionInFull, Workflow, WorkflowCreate } from './workflows.ts';

export const COMPONENTS: ReadonlyMap<TSchema, string> = new Map<TSchema, string>([
  [Account, 'Account'],
  [CancelReplyV1, 'CancelReplyV1'],
  [CancelReplyV2, 'CancelReplyV2'],
  [Deployment, 'Deployment'],
  [DeploymentCreate, 'DeploymentCreate'],
  [DeploymentPatch, 'DeploymentPatch'],
  [DeploymentPayload, 'DeploymentPayload'],
  [ErrorBodySchema, 'Error'],
  [Finding, 'Finding'],
  [Hardware, 'Hardware'],
  [NodeOutput, 'NodeOutput'],
  [OutputFile, 'OutputFile'],
  [Parameter, 'Parameter'],
  [ProblemSchema, 'Problem'],
  [RequestResult, 'RequestResult'],
  [RequestStatus, 'RequestStatus'],
  [ResultErrorSchema, 'ResultError'],
  [SubmitAndResult, 'SubmitAndResult'],
  [SubmitBody, 'SubmitBody'],
  [SubmitReply, 'SubmitReply'],
  [Token, 'Token'],
  [Version, 'Version'],
  [VersionCreate, 'VersionCreate'],
  [VersionInFull, 'VersionInFull'],
  [Workflow, 'Workflow'],
  [WorkflowCreate, 'WorkflowCreate'],
]);
