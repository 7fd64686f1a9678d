import { CLI_ERRORS } from './catalog-cli.ts';
import { FAILOVER_ERRORS } from './catalog-failover.ts';
import { KUBE_ERRORS } from './catalog-kube.ts';
import { MESSAGE_ERRORS } from './catalog-message.ts';
import { NODE_ERRORS } from './catalog-node.ts';
import { REQUEST_ERRORS } from './catalog-request.ts';
import type { ErrorDefinition } from './error-definition.ts';

/**
 * Every error that OrbitMQ reports on purpose, by its code. A code is never reused for something else and never renamed;
 * docs/reference/errors.md is generated from this table (`npm run docs`), and a test compares them.
 */
export const ERROR_CATALOG = {
  ...MESSAGE_ERRORS,
  ...REQUEST_ERRORS,
  ...NODE_ERRORS,
  ...FAILOVER_ERRORS,
  ...CLI_ERRORS,
  ...KUBE_ERRORS,
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof ERROR_CATALOG;

type Placeholders<Template extends string> =
  Template extends `${string}{${infer Name}}${infer Rest}` ? Name | Placeholders<Rest> : never;

type TemplateFields<Code extends ErrorCode> =
  | Placeholders<(typeof ERROR_CATALOG)[Code]['message']>
  | Placeholders<(typeof ERROR_CATALOG)[Code]['hint']>;

/** The fields that the message and hint of an error name; the compiler asks for exactly these. */
export type ErrorFields<Code extends ErrorCode> = Readonly<
  Record<TemplateFields<Code>, string | number>
>;

export function errorDefinition(code: ErrorCode): ErrorDefinition {
  return ERROR_CATALOG[code];
}

/** Replaces each `{name}`; a field without a value shows as `{name}` so that the gap is seen. */
export function renderTemplate(
  template: string,
  fields: Readonly<Record<string, string | number>>,
): string {
  return template.replace(/\{(\w+)\}/g, (gap, name: string) => {
    const value = fields[name];
    return value === undefined ? gap : String(value);
  });
}
