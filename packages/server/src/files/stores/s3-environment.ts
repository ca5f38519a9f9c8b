// What the S3 client reads of the environment by itself, without our settings. Called by s3-client.ts.

/** Its notice that later versions will need a newer Node.js says nothing of the version that is installed here. */
export function quietenNodeNotice(): void {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
}

/** The variables of the keys that are not set. */
export function listMissingKeys(): string[] {
  return ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'].filter((name) => (process.env[name] ?? '') === '');
}
