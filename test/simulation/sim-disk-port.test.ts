import { describeDiskPort } from '../support/disk-port-suite.ts';
import { World } from './world.ts';

let seed = 0;

describeDiskPort('SimDisk', async () => {
  const world = new World(++seed);
  const { disk } = world.addNode('a').environment;
  const directory = '/data';
  await world.run(() => disk.makeDirectory(directory));
  return { disk, directory, run: (body) => world.run(body) };
});
