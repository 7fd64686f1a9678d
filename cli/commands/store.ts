import type { Command } from 'commander';
import { MqError } from '../../common/errors/mq-error.ts';
import { nodeEnvironment } from '../../common/environment/node/node-environment.ts';
import { physicalOffset } from '../../common/model/offsets.ts';
import type { StoreDescription } from '../../broker/store/tool/describe.ts';
import type { ToolProgress } from '../../broker/store/tool/log-walk.ts';
import type { RepairReport, RepairStep } from '../../broker/store/tool/repair.ts';
import type { VerifyReport } from '../../broker/store/tool/verify.ts';
import type { CliContext } from '../cli-context.ts';
import { withOutput } from '../client-options.ts';
import { isoTime } from '../client/proto-time.ts';
import { confirm } from '../confirm.ts';
import { printResult, type OutputFormat } from '../output/output-format.ts';
import { startProgress } from '../output/progress.ts';
import { sizeText } from '../output/size-text.ts';
import { fieldList, textTable } from '../output/text-table.ts';

interface StoreOptions {
  readonly output: OutputFormat;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

export function addStoreCommands(program: Command, context: CliContext): void {
  const store = program
    .command('store')
    .description('look at and repair the data directory of a broker that does not run');
  const onDirectory = (name: string, description: string): Command =>
    withOutput(store.command(`${name} <directory>`).description(description));

  onDirectory('verify', 'check every checksum; changes nothing').action(
    (directory: string, options: StoreOptions) => verify(context, directory, options),
  );
  onDirectory('describe', 'show files, records and epochs; changes nothing').action(
    (directory: string, options: StoreOptions) => describe(context, directory, options),
  );
  onDirectory('repair', 'cut or fill what is damaged; a copy of it goes to quarantine')
    .option('-n, --dry-run', 'only show what would be done')
    .option('-y, --yes', 'do not ask')
    .action((directory: string, options: StoreOptions) => repair(context, directory, options));
}

async function verify(
  context: CliContext,
  directory: string,
  options: StoreOptions,
): Promise<void> {
  const report = await verified(context, directory);
  const problems = await problemsOf(report);
  const data = { ...report, sound: problems.length === 0, problems };
  printResult(context.terminal, options.output, data, () => {
    const { records, bytes } = report;
    const summary = `${records} records, ${sizeText(bytes)}: ${problems.length === 0 ? 'sound' : 'damaged'}`;
    return [summary, ...problems.map((problem) => `  ${problem}`)].join('\n');
  });
  if (problems.length > 0)
    throw new MqError('store-damaged', { problems: problems.length, directory });
}

async function describe(
  context: CliContext,
  directory: string,
  options: StoreOptions,
): Promise<void> {
  const { describeStore } = await import('../../broker/store/tool/describe.ts');
  await requireStore(directory);
  const steps = describeStore(nodeEnvironment(), directory);
  const description = await withProgress(context, 'describe', steps);
  printResult(context.terminal, options.output, description, () => descriptionText(description));
}

async function repair(
  context: CliContext,
  directory: string,
  options: StoreOptions,
): Promise<void> {
  const { planRepair, repairStore } = await import('../../broker/store/tool/repair.ts');
  const { terminal } = context;
  const report = await verified(context, directory);
  const plan = planRepair(report, physicalOffset(0));
  if (plan.length === 0 || options.dryRun === true) {
    const none = plan.length === 0 ? 'nothing to repair' : '';
    printResult(terminal, options.output, plan, () => none || plan.map(stepText).join('\n'));
    return;
  }
  terminal.error(`${plan.map(stepText).join('\n')}\n`);
  await confirm(terminal, `repair ${directory} like this`, options.yes);
  const steps = repairStore(nodeEnvironment(), directory, physicalOffset(0));
  const done = await withProgress(context, 'repair', steps);
  printResult(terminal, options.output, done, () => repairText(done));
}

async function verified(context: CliContext, directory: string): Promise<VerifyReport> {
  const { verifyStore } = await import('../../broker/store/tool/verify.ts');
  await requireStore(directory);
  return withProgress(context, 'verify', verifyStore(nodeEnvironment(), directory));
}

async function requireStore(directory: string): Promise<void> {
  const names = await nodeEnvironment().disk.list(directory);
  if (!names.includes('commitlog')) throw new MqError('store-not-found', { directory });
}

/** Drives a tool to its result and shows how far it is. */
async function withProgress<Result>(
  { terminal }: CliContext,
  label: string,
  steps: AsyncGenerator<ToolProgress, Result, void>,
): Promise<Result> {
  let progress: ReturnType<typeof startProgress> | undefined;
  try {
    for (let step = await steps.next(); ; step = await steps.next()) {
      if (step.done === true) return step.value;
      const { doneBytes, totalBytes } = step.value;
      progress ??= startProgress(terminal, label, totalBytes, sizeText);
      progress.update(doneBytes);
    }
  } finally {
    progress?.stop();
  }
}

async function problemsOf(report: VerifyReport): Promise<string[]> {
  const { describeDamage } = await import('../../broker/store/tool/verify.ts');
  const { damages, missingTail } = report;
  const tail =
    missingTail === undefined
      ? []
      : [`the log ends at offset ${missingTail.start}, but was durable up to ${missingTail.end}`];
  return [...damages.map(describeDamage), ...tail];
}

function stepText({ action, start, end, file }: RepairStep): string {
  const where = file === '' ? 'at the end of the log' : `in ${file}`;
  return `${action}: ${end - start} bytes from log offset ${start} ${where}`;
}

function repairText({ steps, lostBytes, endOffset }: RepairReport): string {
  const lines = steps.map(({ quarantineFile, ...step }) => {
    const copy = quarantineFile === undefined ? '' : `; copied to ${quarantineFile}`;
    return `${stepText({ ...step, quarantineFile })}${copy}`;
  });
  return [...lines, `${lostBytes} bytes lost; the log ends at offset ${endOffset}`].join('\n');
}

function descriptionText(description: StoreDescription): string {
  const { startOffset, endOffset, records, recordsByType, bytesByType } = description;
  const fields = fieldList([
    ['log', `offset ${startOffset} to ${endOffset}, ${sizeText(endOffset - startOffset)}`],
    ['records', records],
    ['epochs', description.epochs.map(({ epoch }) => epoch).join(', ')],
    ['durable up to', description.checkpoint?.durableOffset],
  ]);
  const byType = Object.entries(recordsByType).map(([type, count]) => [
    type,
    count,
    sizeText(bytesByType[type] ?? 0),
  ]);
  const bySegment = description.segments.map((segment) => [
    segment.path,
    segment.records,
    sizeText(segment.endOffset - segment.startOffset),
    isoTime(segment.firstStoreTimeMs),
    isoTime(segment.lastStoreTimeMs),
    segment.damagedRanges,
  ]);
  return [
    fields,
    textTable(['record type', 'count', 'size'], byType),
    textTable(['file', 'records', 'size', 'first', 'last', 'damaged'], bySegment),
  ].join('\n\n');
}
