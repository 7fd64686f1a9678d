import { InvalidArgumentError } from 'commander';
import { parseBytes, parseDuration } from '../common/options/bytes-and-durations.ts';

/** Parsers of arguments for commander: what they throw becomes a usage error that names the flag. */

export function durationArgument(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) {
    throw new InvalidArgumentError(
      'It is not a duration; write it with its unit, as 500ms or 10s.',
    );
  }
  return ms;
}

export function bytesArgument(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === undefined)
    throw new InvalidArgumentError('It is not a size; write it as 1KiB or 100.');
  return bytes;
}

/** A whole number within bounds. */
export function integerArgument(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It is not a whole number from ${min} to ${max}.`);
  };
}

/** For options that can be given several times. */
export function listArgument(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, text];
}

/** `name=value`, several times. */
export function pairArgument(
  text: string,
  previous: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [, name, value = ''] = /^([^=]+)=([\s\S]*)$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError('It is not of the form NAME=VALUE.');
  return { ...previous, [name]: value };
}

/** One of some words, in any case. */
export function chooseArgument<Choice extends string>(
  choices: readonly Choice[],
): (text: string) => Choice {
  return (text) => {
    const choice = choices.find((candidate) => candidate.toLowerCase() === text.toLowerCase());
    if (choice !== undefined) return choice;
    throw new InvalidArgumentError(`Allowed: ${choices.join(', ')}.`);
  };
}
