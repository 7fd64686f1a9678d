import { readdir } from 'node:fs/promises';

/** A story that must end well for every seed. */
export interface Scenario {
  name: string;
  /** Seeds of every test run, where they are to be fewer than usual. */
  testSeedCount?: number | undefined;
  run(seed: number): Promise<void>;
  /** With a mistake in the product, by its name, that has to be found. */
  runPlanted?: ((seed: number, bug: string) => Promise<void>) | undefined;
}

/** All scenarios: each file in `scenarios/` exports a `name` and a `run`. */
export async function loadScenarios(): Promise<Scenario[]> {
  const directory = new URL('./scenarios/', import.meta.url);
  const files = (await readdir(directory)).filter((file) => file.endsWith('.ts')).sort();
  const scenarios: Scenario[] = [];
  for (const file of files) {
    const module = (await import(new URL(file, directory).href)) as Partial<Scenario>;
    const { name, run, runPlanted, testSeedCount } = module;
    if (name === undefined || run === undefined) throw new Error(`${file} exports no scenario`);
    scenarios.push({ name, run, runPlanted, testSeedCount });
  }
  return scenarios;
}
