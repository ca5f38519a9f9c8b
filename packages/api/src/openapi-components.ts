// The schemas that get a name in the OpenAPI document; wherever one of them occurs, the document refers to it.
import type { TSchema } from 'typebox';
import { Account, AccountCreate, AccountPatch, AccountRecord, Token, TokenCreate } from './accounts.ts';
import { AccountFunds, Balance, Credit, SpendingLimitChange, Usage, UsageEntry, UsageTotal } from './billing.ts';
import { Deployment, DeploymentCreate, DeploymentPatch, DeploymentPayload } from './deployments.ts';
import { ErrorBodySchema, ProblemSchema } from './error-schema.ts';
import { Event } from './events.ts';
import { Hardware } from './hardware.ts';
import { Instance, Scaling, WarmUp } from './instances.ts';
import { Preflight, PreflightCheck } from './preflight.ts';
import { EndEvent, LogEvent, OutputEvent, PreviewEvent, ProgressEvent, StatusEvent } from './request-events.ts';
import { RequestDetail, RequestListItem } from './request-history.ts';
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
  [AccountCreate, 'AccountCreate'],
  [AccountPatch, 'AccountPatch'],
  [AccountRecord, 'AccountRecord'],
  [AccountFunds, 'AccountFunds'],
  [Balance, 'Balance'],
  [Credit, 'Credit'],
  [SpendingLimitChange, 'SpendingLimitChange'],
  [Usage, 'Usage'],
  [UsageEntry, 'UsageEntry'],
  [UsageTotal, 'UsageTotal'],
  [CancelReplyV1, 'CancelReplyV1'],
  [CancelReplyV2, 'CancelReplyV2'],
  [Deployment, 'Deployment'],
  [DeploymentCreate, 'DeploymentCreate'],
  [DeploymentPatch, 'DeploymentPatch'],
  [DeploymentPayload, 'DeploymentPayload'],
  [EndEvent, 'EndEvent'],
  [ErrorBodySchema, 'Error'],
  [Event, 'Event'],
  [Finding, 'Finding'],
  [Hardware, 'Hardware'],
  [Instance, 'Instance'],
  [LogEvent, 'LogEvent'],
  [NodeOutput, 'NodeOutput'],
  [OutputEvent, 'OutputEvent'],
  [OutputFile, 'OutputFile'],
  [Parameter, 'Parameter'],
  [Preflight, 'Preflight'],
  [PreflightCheck, 'PreflightCheck'],
  [PreviewEvent, 'PreviewEvent'],
  [ProblemSchema, 'Problem'],
  [ProgressEvent, 'ProgressEvent'],
  [RequestDetail, 'RequestDetail'],
  [RequestListItem, 'RequestListItem'],
  [RequestResult, 'RequestResult'],
  [RequestStatus, 'RequestStatus'],
  [ResultErrorSchema, 'ResultError'],
  [Scaling, 'Scaling'],
  [StatusEvent, 'StatusEvent'],
  [SubmitAndResult, 'SubmitAndResult'],
  [SubmitBody, 'SubmitBody'],
  [SubmitReply, 'SubmitReply'],
  [Token, 'Token'],
  [TokenCreate, 'TokenCreate'],
  [Version, 'Version'],
  [VersionCreate, 'VersionCreate'],
  [VersionInFull, 'VersionInFull'],
  [WarmUp, 'WarmUp'],
  [Workflow, 'Workflow'],
  [WorkflowCreate, 'WorkflowCreate'],
]);
