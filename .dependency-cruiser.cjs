/** Who may import whom: the boundaries of ARCHITECTURE.md. Run by `npm run check`; tools/check-modules.ts counts what was seen. */

const PLATFORM = '(db|http|net|telemetry)';

// A domain imports from those to its left only. What the left must tell the right goes through the database (db/wake.ts).
const DOMAINS = [
  ['events'],
  ['accounts', 'workflows', 'files'],
  ['deployments'],
  ['billing', 'webhooks'],
  ['requests'],
  ['instances'],
  ['execution'],
  ['dispatch'],
  ['scaling'],
  ['proxy'],
  ['replicas'],
  ['doctor'],
];

const domainOrder = DOMAINS.flatMap((group, index) => {
  const later = DOMAINS.slice(index + 1).flat();
  if (later.length === 0) return [];
  return {
    name: `${group[group.length - 1]}-imports-leftwards`,
    comment: `${group.join(', ')} may not import ${later.join(', ')}: write the fact and wake instead.`,
    severity: 'error',
    from: { path: `^packages/server/src/(${group.join('|')})/`, pathNot: '\\.test\\.ts$' },
    to: { path: `^packages/server/src/(${later.join('|')})/` },
  };
});

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-circular-folders',
      severity: 'error',
      scope: 'folder',
      from: { path: '^packages/server/src/' },
      to: { circular: true },
    },
    ...domainOrder,
    {
      name: 'pure-imports-only-pure',
      severity: 'error',
      from: { path: '\\.pure\\.ts$' },
      to: { pathNot: ['\\.pure\\.ts$', '^packages/api/', '^packages/comfyui/src/(graph/|json|object-info|index)'] },
    },
    {
      name: 'sql-only-in-sql-files',
      severity: 'error',
      from: {
        pathNot: ['\\.sql\\.ts$', '^packages/server/src/db/', '^packages/server/testing/', '^e2e/', '\\.test\\.ts$'],
      },
      to: { path: ['^packages/server/src/db/sql\\.ts$', 'node_modules/pg/'] },
    },
    {
      name: 'sql-files-import-only-db',
      severity: 'error',
      from: { path: '\\.sql\\.ts$' },
      to: {
        pathNot: ['^packages/server/src/db/', '^packages/api/', '\\.pure\\.ts$', '\\.sql\\.ts$', '^node:'],
        dependencyTypesNot: ['core'],
      },
    },
    {
      name: 'fastify-only-at-the-edge',
      severity: 'error',
      from: {
        path: '^packages/server/src/',
        pathNot: [
          'routes\\.ts$',
          '^packages/server/src/http/',
          '/app[-a-z]*\\.ts$',
          '^packages/server/src/proxy/',
          '^packages/server/src/replicas/',
          '/requests/events/',
          '\\.test\\.ts$',
          '/serve\\.ts$',
        ],
      },
      to: { path: 'node_modules/fastify/' },
    },
    {
      name: 'routes-only-from-app',
      severity: 'error',
      from: { pathNot: ['^packages/server/src/app[-a-z]*\\.ts$', '\\.test\\.ts$', '^packages/server/testing/'] },
      to: { path: '^packages/server/src/[^/]+/routes\\.ts$' },
    },
    {
      name: 'loops-only-from-app-or-their-folder',
      severity: 'error',
      from: {
        path: '^packages/server/src/([^/]+)',
        pathNot: ['^packages/server/src/app[-a-z]*\\.ts$', '\\.test\\.ts$'],
      },
      to: { path: '^packages/server/src/[^/]+/loop\\.ts$', pathNot: '^packages/server/src/$1/loop\\.ts$' },
    },
    {
      name: 'platform-knows-no-domain',
      severity: 'error',
      from: { path: `^packages/server/src/${PLATFORM}/`, pathNot: '\\.test\\.ts$' },
      to: { path: '^packages/server/src/[^/]+/', pathNot: `^packages/server/src/${PLATFORM}/` },
    },
    {
      name: 'api-depends-on-nothing',
      severity: 'error',
      from: { path: '^packages/api/src/' },
      to: { path: '^packages/', pathNot: '^packages/api/' },
    },
    {
      name: 'comfyui-depends-on-nothing',
      severity: 'error',
      from: { path: '^packages/comfyui/src/' },
      to: { path: '^packages/', pathNot: '^packages/comfyui/' },
    },
    {
      name: 'emulator-depends-on-comfyui-only',
      severity: 'error',
      from: { path: '^packages/emulator/src/' },
      to: { path: '^packages/', pathNot: '^packages/(emulator|comfyui)/' },
    },
    {
      name: 'server-never-imports-the-emulator-or-cli',
      comment: 'The server gets the command line that starts the emulator as an argument; tests may run one.',
      severity: 'error',
      from: { path: '^packages/server/src/', pathNot: '\\.test\\.ts$' },
      to: { path: '^packages/(emulator|cli)/' },
    },
    {
      name: 'cli-knows-only-the-door-of-the-server',
      severity: 'error',
      from: { path: '^packages/cli/src/' },
      to: { path: '^packages/(server|emulator|comfyui)/', pathNot: '^packages/(server|emulator)/src/index\\.ts$' },
    },
    {
      name: 'packages-only-by-their-door',
      comment: 'Between packages only the index (or ./testing, for tests) is imported.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: {
        path: '^packages/[^/]+/',
        pathNot: ['^packages/$1/', '^packages/[^/]+/src/index\\.ts$', '^packages/[^/]+/testing/'],
      },
    },
    {
      name: 'no-testing-in-product',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: '\\.test\\.ts$' },
      to: { path: '^packages/[^/]+/testing/' },
    },
    {
      name: 'e2e-talks-http',
      comment: 'Whole-system tests and benchmarks start the built service and import nothing from its source.',
      severity: 'error',
      from: { path: '^e2e/' },
      to: { path: '^packages/[^/]+/src/' },
    },
    { name: 'nothing-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    // dependency-cruiser 17 does not know TypeScript 7: without this parser it would see no module and pass.
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|fixtures)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
