import type { Rule, Scope } from 'eslint';

/** Globals through which time, randomness or the process come in unseen. */
const BANNED_GLOBALS = new Map<string, string>([
  ...[
    'setTimeout',
    'setInterval',
    'setImmediate',
    'clearTimeout',
    'clearInterval',
    'clearImmediate',
  ].map((name): [string, string] => [name, 'use the Timers port']),
  ...['queueMicrotask', 'scheduler'].map((name): [string, string] => [name, 'use the Timers port']),
  ...['globalThis', 'global', 'self', 'window'].map((name): [string, string] => [
    name,
    'it hides what is used',
  ]),
  ...['eval', 'Function', 'require'].map((name): [string, string] => [
    name,
    'it hides what is used',
  ]),
  ...['fetch', 'WebSocket', 'EventSource'].map((name): [string, string] => [
    name,
    'sockets belong to common/rpc',
  ]),
  ...['WeakRef', 'FinalizationRegistry'].map((name): [string, string] => [
    name,
    'garbage collection is not repeatable',
  ]),
  ['performance', 'use the Clock port'],
  ['process', 'take an option or a port'],
  ['console', 'use common/log'],
  ['crypto', 'use the Random port'],
]);

/** Members of otherwise harmless globals. */
const BANNED_MEMBERS = new Map<string, Map<string, string>>([
  ['Math', new Map([['random', 'use the Random port']])],
  ['Date', new Map([['now', 'use the Clock port']])],
  ['AbortSignal', new Map([['timeout', 'use the Timers port']])],
  [
    'Atomics',
    new Map([
      ['wait', 'it blocks'],
      ['waitAsync', 'use the Timers port'],
    ]),
  ],
]);

/** What of node:crypto computes instead of drawing random bytes. */
const PURE_CRYPTO = new Set([
  ...[
    'createHash',
    'createHmac',
    'hash',
    'timingSafeEqual',
    'createPrivateKey',
    'createPublicKey',
    'createSecretKey',
  ],
  ...['X509Certificate', 'KeyObject'],
]);

/** `typeof setTimeout` as a type names a global without using it. ESLint's own node types do not know TypeScript's. */
const TYPE_QUERY: string = 'TSTypeQuery';

type Expression = Rule.Node & {
  computed?: boolean;
  object?: unknown;
  property?: { name?: string; value?: unknown };
};

/** Name of the member that `parent` reads of `node`; undefined when it cannot be seen. */
function memberName(node: unknown, parent: Expression): string | undefined {
  if (parent.type !== 'MemberExpression' || parent.object !== node) return undefined;
  const name = parent.computed ? parent.property.value : parent.property.name;
  return typeof name === 'string' ? name : undefined;
}

/** `new Date(value)` converts; `new Date()` and `Date()` read the clock. */
function readsClock(node: unknown, parent: Rule.Node): boolean {
  if (parent.type !== 'NewExpression' && parent.type !== 'CallExpression') return false;
  return (
    parent.callee === node && (parent.type === 'CallExpression' || parent.arguments.length === 0)
  );
}

function isOperandOfCheck(parent: Rule.Node): boolean {
  return parent.type === 'BinaryExpression' && parent.operator === 'instanceof';
}

/** Why this use of a global is not allowed, or undefined. */
function objection(name: string, identifier: Rule.Node): string | undefined {
  if (identifier.parent?.type === TYPE_QUERY) return undefined;
  const banned = BANNED_GLOBALS.get(name);
  if (banned !== undefined) return banned;
  const members = BANNED_MEMBERS.get(name);
  if (!members) return undefined;
  const parent = identifier.parent as Rule.Node; // only the program has none
  if (name === 'Date' && readsClock(identifier, parent)) return 'use the Clock port';
  if (parent.type === 'NewExpression' || isOperandOfCheck(parent)) return undefined;
  const member = memberName(identifier, parent);
  return member === undefined ? 'it hides which member is used' : members.get(member);
}

/** References to globals: not declared in the file, whether or not the configuration knows them. */
function globalReferences(scope: Scope.Scope): Scope.Reference[] {
  const known = scope.variables.filter((variable) => variable.defs.length === 0);
  return [...scope.through, ...known.flatMap((variable) => variable.references)];
}

/** Keeps the clock, timers, randomness and the process out of everything but the edges. */
export const ambientRule: Rule.RuleModule = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { ambient: '{{name}} touches the world: {{why}}' },
  },
  create(context) {
    const report = (node: Rule.Node, name: string, why: string): void => {
      context.report({ node, messageId: 'ambient', data: { name, why } });
    };
    return {
      'Program:exit'(program) {
        const scope = context.sourceCode.getScope(program);
        const globalScope = scope.type === 'global' ? scope : (scope.upper ?? scope);
        for (const { identifier, isTypeReference } of globalReferences(
          globalScope,
        ) as TypedReference[]) {
          const why = isTypeReference === true ? undefined : objection(identifier.name, identifier);
          if (why !== undefined) report(identifier, identifier.name, why);
        }
      },
      'MetaProperty[meta.name="import"]': (node: Rule.Node) => {
        report(node, 'import.meta', 'take an option');
      },
      'ImportDeclaration[source.value=/^(node:)?crypto$/][importKind!="type"]'(
        node: Rule.Node & { specifiers: Specifier[] },
      ) {
        const drawing = node.specifiers.filter(
          (specifier) =>
            specifier.importKind !== 'type' && !PURE_CRYPTO.has(specifier.imported?.name ?? '*'),
        );
        for (const specifier of drawing)
          report(node, `node:crypto ${specifier.imported?.name ?? '*'}`, 'use the Random port');
      },
    };
  },
};

interface Specifier {
  importKind?: string;
  imported?: { name: string };
}

/** typescript-eslint tells references in type position apart. */
type TypedReference = Scope.Reference & {
  identifier: Rule.Node & { name: string };
  isTypeReference?: boolean;
};
