import type { Rule } from 'eslint';

/** core/ computes; waiting is the business of the driver next to it. */
export const synchronousRule: Rule.RuleModule = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { synchronous: 'core/ is synchronous: {{what}} belongs to the driver' },
  },
  create(context) {
    const ban =
      (what: string) =>
      (node: Rule.Node): void => {
        context.report({ node, messageId: 'synchronous', data: { what } });
      };
    return {
      ':function[async=true]': ban('an async function'),
      AwaitExpression: ban('await'),
      'ForOfStatement[await=true]': ban('for await'),
      'Identifier[name="Promise"]': ban('a Promise'),
    };
  },
};
