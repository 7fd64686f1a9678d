import { isBuiltin } from 'node:module';
import { posix, relative, sep } from 'node:path';
import type { Rule } from 'eslint';
import { LAYERS, type LayerRule } from './layers.ts';

/** Repository path of `file` with forward slashes. */
export function repositoryPath(root: string, file: string): string {
  return relative(root, file).split(sep).join('/');
}

export function matchesAny(path: string, globs: readonly string[] | undefined): boolean {
  return globs?.some((glob) => posix.matchesGlob(path, glob)) ?? false;
}

/** What an import specifier names, in the notation of the layer table. */
export function importTarget(from: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(from), specifier);
  if (isBuiltin(specifier)) return specifier.startsWith('node:') ? specifier : `node:${specifier}`;
  return `npm:${specifier}`;
}

function layersOf(path: string): LayerRule[] {
  return LAYERS.filter(({ files, except }) => matchesAny(path, files) && !matchesAny(path, except));
}

interface Specifier {
  type: string;
  value?: unknown;
}

/** Reports every way of naming a module: import, export from, import(), import types and require. */
export const importRule: Rule.RuleModule = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      layer: 'layer "{{layer}}": {{target}} is not allowed here: {{because}}',
      dynamic: 'the module of import() or require() must be a literal, else no rule can see it',
    },
  },
  create(context) {
    const path = repositoryPath(context.cwd, context.filename);
    const layers = layersOf(path);
    if (layers.length === 0) return {};

    function check(node: Rule.Node, source: Specifier | null | undefined): void {
      if (!source) return;
      if (source.type !== 'Literal' || typeof source.value !== 'string') {
        context.report({ node, messageId: 'dynamic' });
        return;
      }
      const target = importTarget(path, source.value);
      const layer = layers.find(
        ({ forbid, allow }) => matchesAny(target, forbid) && !matchesAny(target, allow),
      );
      if (!layer) return;
      context.report({
        node,
        messageId: 'layer',
        data: { layer: layer.name, target, because: layer.because },
      });
    }

    return {
      ImportDeclaration: (node) => {
        check(node, node.source);
      },
      ExportNamedDeclaration: (node) => {
        check(node, node.source);
      },
      ExportAllDeclaration: (node) => {
        check(node, node.source);
      },
      ImportExpression: (node) => {
        check(node, node.source);
      },
      TSImportType: (node: Rule.Node & { source: Specifier }) => {
        check(node, node.source);
      },
      TSExternalModuleReference: (node: Rule.Node & { expression: Specifier }) => {
        check(node, node.expression);
      },
      'CallExpression[callee.name="require"]': (node: Rule.Node & { arguments: Specifier[] }) => {
        check(node, node.arguments[0]);
      },
    };
  },
};
