import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { OrbitMqProcess } from '../support/orbitmq-process.ts';
import { CaseContext } from './case-context.ts';
import { CASES, type ConformanceCase } from './cases.ts';
import { ClientDriver } from './client-driver.ts';
import { buildDriver, reasonToSkip, type ClientUnderTest } from './clients.ts';

/** A cold build, see BUILD_TIMEOUT_MS. */
const SETUP_TIMEOUT_MS = 16 * 60_000;
/** The flood with the slowest client on a busy machine; the others wait seconds. */
const CASE_TIMEOUT_MS = 5 * 60_000;
/** Cases mostly wait for time to pass, so several run at once. */
const CASES_AT_ONCE = 6;

/** Registers a test for every case with one client. The cases start together and each test waits for its own. */
export function conformanceSuite(client: ClientUnderTest): void {
  const title = `${client.name} client (${client.version})`;
  const skipped = reasonToSkip(client);
  if (skipped !== undefined) {
    describe.skip(`${title}: ${skipped}`, () => {
      for (const { claim } of CASES) it(claim, () => undefined);
    });
    return;
  }
  describe(title, () => {
    const outcomes = new Map<ConformanceCase, Promise<void>>();
    const world = new SuiteWorld(client);

    beforeAll(async () => {
      buildDriver(client);
      await world.start();
      for (const [each, outcome] of startCases(world, runnable(client))) {
        outcome.catch(() => undefined); // its own test reports it
        outcomes.set(each, outcome);
      }
    }, SETUP_TIMEOUT_MS);

    afterAll(() => world.close(), SETUP_TIMEOUT_MS);

    for (const each of CASES) {
      const reason = each.needs?.map((feature) => client.lacks[feature]).find((text) => text);
      if (reason !== undefined) it.skip(`${each.claim}: ${reason}`, () => undefined);
      else it(each.claim, () => outcomes.get(each) as Promise<void>, CASE_TIMEOUT_MS);
    }
  });
}

const runnable = (client: ClientUnderTest): ConformanceCase[] =>
  CASES.filter((each) => !each.needs?.some((feature) => client.lacks[feature] !== undefined));

function startCases(
  world: SuiteWorld,
  cases: readonly ConformanceCase[],
): Map<ConformanceCase, Promise<void>> {
  const started = new Map<ConformanceCase, Promise<void>>();
  const lanes: Promise<unknown>[] = Array.from({ length: CASES_AT_ONCE }, () => Promise.resolve());
  const together = cases.filter(({ alone }) => alone !== true);
  for (const [index, each] of together.entries()) {
    const lane = index % CASES_AT_ONCE;
    const outcome = (lanes[lane] as Promise<unknown>).then(() => world.run(each));
    lanes[lane] = outcome.catch(() => undefined);
    started.set(each, outcome);
  }
  let before: Promise<unknown> = Promise.all(lanes);
  for (const each of cases.filter(({ alone }) => alone === true)) {
    const outcome = before.then(() => world.run(each));
    before = outcome.catch(() => undefined);
    started.set(each, outcome);
  }
  return started;
}

/** The server and the drivers of one suite. */
class SuiteWorld {
  readonly #client: ClientUnderTest;
  readonly #drivers: ClientDriver[] = [];
  #server: OrbitMqProcess | undefined;
  #plain: ClientDriver | undefined;
  #cases = 0;

  constructor(client: ClientUnderTest) {
    this.#client = client;
  }

  async start(): Promise<void> {
    this.#server = await OrbitMqProcess.start({
      // From the earliest, so that a consumer may start after the first message. Push consumers end only when their polls do.
      flags: ['--group-start-position', 'earliest', '--long-polling', '5s'],
    });
    this.#plain = await this.#startDriver({});
  }

  async run(each: ConformanceCase): Promise<void> {
    const server = this.#server as OrbitMqProcess;
    const driver =
      each.tls === true
        ? await this.#startDriver(tlsEnvironment(server))
        : (this.#plain as ClientDriver);
    const name = `${this.#client.name}-${++this.#cases}`;
    const context = new CaseContext(driver, server, name, this.#client.lacks);
    try {
      await each.run(context);
    } catch (error) {
      const { message } = error as Error;
      const log = driver.log.slice(-3_000);
      throw new Error(
        `${message}\nthe client printed:\n${log}\nthe server:\n${server.log.slice(-3_000)}`,
        {
          cause: error,
        },
      );
    } finally {
      await context.close();
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#drivers.map((driver) => driver.close()));
    await this.#server?.dispose();
  }

  async #startDriver(environment: Readonly<Record<string, string>>): Promise<ClientDriver> {
    const directory = (this.#server as OrbitMqProcess).dataDirectory;
    const driver = new ClientDriver(this.#client.command(), {
      ...logsTo(join(directory, 'client-logs')),
      ...environment,
    });
    this.#drivers.push(driver);
    await driver.call('hello', {});
    return driver;
  }
}

/** Client libraries write log files into the home directory unless they are told otherwise. */
const logsTo = (directory: string): Record<string, string> => ({
  'rocketmq.client.logRoot': directory,
  'rocketmq.client.logLevel': 'warn',
  JAVA_TOOL_OPTIONS: `-Duser.home=${directory} -Drocketmq.log.root=${directory}`,
});

/** Java and Go take any certificate; Node and Python must be told to trust the one that the node made for itself. */
function tlsEnvironment(server: OrbitMqProcess): Record<string, string> {
  const certificate = join(server.dataDirectory, 'tls/server.crt');
  return {
    ORBITMQ_CONFORMANCE_TLS: '1',
    NODE_EXTRA_CA_CERTS: certificate,
    GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: certificate,
  };
}
