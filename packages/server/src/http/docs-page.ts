// GET /docs: the contract as one page of plain HTML, written from the OpenAPI document. No script, no font and no
// picture from anywhere: it works without the internet and under the strictest policy. Called by health.ts.
import { createHash } from 'node:crypto';

interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly { name?: string; in?: string; description?: string; required?: boolean }[];
  readonly requestBody?: { content?: Record<string, { schema?: unknown }> };
  readonly responses?: Record<string, { description?: string; content?: Record<string, { schema?: unknown }> }>;
}

interface Document {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly servers?: readonly { url: string }[];
  readonly tags?: readonly { name: string; description?: string }[];
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components?: { readonly schemas?: Record<string, unknown> };
}

const STYLE = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:62rem;margin:0 auto;padding:1rem}
h2{margin-top:2.5rem;border-bottom:1px solid}
details{border:1px solid #8886;border-radius:.4rem;margin:.4rem 0;padding:.3rem .7rem}
summary{cursor:pointer}
code,pre{font:.85rem/1.4 ui-monospace,monospace}
pre{overflow:auto;padding:.6rem;background:#8882;border-radius:.3rem}
b.method{display:inline-block;min-width:4.2rem}
td{padding:.1rem .8rem .1rem 0;vertical-align:top}
summary code{overflow-wrap:anywhere}
@media(max-width:40rem){td{display:block}}
div{scroll-margin-top:3rem}
li{margin:.2rem 0}`;

/** The style is allowed by its hash; nothing else is. */
export const DOCS_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const;

/** A schema's id is inside its <details>: browsers open what a link leads into. */
export function renderDocs(given: object): string {
  const document = given as Document;
  const { title, version, description } = document.info;
  const names = [...new Set([...(document.tags ?? []).map(({ name }) => name), ...tagsOf(document)])];
  const links = names.map((name) => `<a href="#${escapeHtml(name)}">${escapeHtml(name)}</a>`).join(' · ');
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body>
<h1>${escapeHtml(title)} <small>${escapeHtml(version)}</small></h1>${paragraph(description)}
<p>Paths begin with <code>${escapeHtml(document.servers?.[0]?.url ?? '')}</code> (<code>v1</code> or <code>v2</code>), those of files and service with the host alone. Send <code>Authorization: Bearer &lt;token&gt;</code>.</p>
<p>For programs: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1). ${links} · <a href="#schemas">schemas</a></p>
${names.map((name) => renderTag(document, name)).join('\n')}
<h2 id="schemas">schemas</h2>${Object.entries(document.components?.schemas ?? {})
    .map(
      ([name, schema]) =>
        `<details><summary><code>${escapeHtml(name)}</code></summary><div id="schema-${escapeHtml(name)}">${code(schema)}</div></details>`,
    )
    .join('\n')}
</body></html>`;
}

function operationsOf(document: Document) {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([method]) => /^(get|head|post|put|patch|delete)$/.test(method))
      .map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
}

function tagsOf(document: Document): string[] {
  return operationsOf(document).flatMap(({ operation }) => operation.tags ?? ['other']);
}

function renderTag(document: Document, name: string): string {
  const about = document.tags?.find((tag) => tag.name === name)?.description;
  const routes = operationsOf(document).filter(({ operation }) => (operation.tags ?? ['other']).includes(name));
  return `<h2 id="${escapeHtml(name)}">${escapeHtml(name)}</h2>${paragraph(about)}${routes.map(renderRoute).join('\n')}`;
}

function renderRoute({ path, method, operation }: ReturnType<typeof operationsOf>[number]): string {
  const { parameters = [], requestBody, responses = {} } = operation;
  const rows = parameters
    .filter(({ name }) => name !== undefined)
    .map(
      (one) =>
        `<tr><td><code>${escapeHtml(one.name ?? '')}</code></td><td>${escapeHtml(one.in ?? '')}${one.required ? ', required' : ''}</td><td>${withCode(one.description ?? '')}</td></tr>`,
    );
  const bodies = Object.entries(requestBody?.content ?? {}).map(
    ([type, { schema }]) => `<h4>Body, ${escapeHtml(type)}</h4>${code(schema)}`,
  );
  const all = Object.entries(responses);
  const replies = all
    .filter(([status]) => Number(status) < 400)
    .map(([status, { description = '', content = {} }]) => {
      const schemas = Object.values(content).map(({ schema }) => code(schema));
      return `<h4>${escapeHtml(status)}: ${withCode(description)}</h4>${schemas.join('')}`;
    });
  const errors = all
    .filter(([status]) => Number(status) >= 400)
    .flatMap(([status, { description = '' }]) => description.split('\n\n').map((one) => `${status}: ${one}`))
    .map((one) => `<li>${withCode(one)}</li>`);
  if (errors.length > 0) {
    replies.push(`<h4>Errors, each an <a href="#schema-Error">Error</a></h4><ul>${errors.join('')}</ul>`);
  }
  return `<details><summary><b class="method">${method}</b> <code>${escapeHtml(path)}</code> ${escapeHtml(operation.summary ?? '')}</summary>${paragraph(operation.description)}${rows.length > 0 ? `<table>${rows.join('')}</table>` : ''}${bodies.join('')}${replies.join('')}</details>`;
}

function code(schema: unknown): string {
  if (schema === undefined) return '';
  const text = escapeHtml(JSON.stringify(schema, undefined, 2));
  const name = /^\{\s*&quot;\$ref&quot;: &quot;#\/components\/schemas\/(\w+)&quot;\s*\}$/.exec(text)?.[1];
  if (name !== undefined) return `<p><a href="#schema-${name}">${name}</a></p>`;
  return `<pre>${text.replace(/#\/components\/schemas\/(\w+)/g, '<a href="#schema-$1">$&</a>')}</pre>`;
}

function paragraph(text: string | undefined): string {
  return text === undefined ? '' : `<p>${withCode(text)}</p>`;
}

/** Descriptions are Markdown, of which they use backticks. */
function withCode(text: string): string {
  return escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
