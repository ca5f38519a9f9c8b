// The words of `comfleet help` and `comfleet version`, and the version itself.
import manifest from '../package.json' with { type: 'json' };

export const VERSION = manifest.version;

export function versionText(): string {
  return `comfleet ${VERSION} (node ${process.versions.node})`;
}

export function helpText(): string {
  return `comfleet runs ComfyUI workflows as a serverless API on your own machines.

  comfleet start             run the service
    --comfyui URL            a ComfyUI server to run requests on; repeatable
                             (without one: an embedded ComfyUI emulator, core image nodes on the CPU)
    --port N                 default 7788; 0 takes a free port
    --host ADDRESS           default 127.0.0.1
    --data DIR               default ./.comfleet: embedded database, files, admin token
    --sandbox                callers may provoke every error with the header comfleet-simulate (docs/errors.md)
  comfleet doctor            check what a start with the same settings and flags needs: database, storage, providers
  comfleet demo [PHOTO]      run one photo through a fresh service and save the picture
  comfleet version
  comfleet help

Every setting is also an environment variable: see the README, or .env.example.
The API's token is in admin-token, in the data folder.`;
}
