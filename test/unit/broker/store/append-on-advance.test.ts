import { describe, expect, it } from '@jest/globals';
import { CommitLog } from '../../../../broker/store/commit-log.ts';
import { RecordType } from '../../../../broker/store/record-type.ts';
import { physicalOffset } from '../../../../common/model/offsets.ts';
import { simulate } from '../../../simulation/world.ts';

const PAYLOAD = Buffer.from('a link of the chain');
/** Microtasks between being told and appending again: the window in which the writer has stopped but not yet said so. */
const HOPS = [0, 1, 2, 3, 4, 5, 6, 8, 12];

describe('CommitLog', () => {
  for (const flush of ['async', 'sync'] as const) {
    for (const hops of HOPS) {
      it(`writes what is appended ${hops} microtasks after an advance (flush ${flush})`, async () => {
        await simulate(1, async (world) => {
          const log = await CommitLog.open(
            {
              directory: '/data',
              segmentBytes: 1 << 20,
              flush,
              flushIntervalMs: 500,
              batchBytesMax: 1 << 16,
              cacheBytes: 1 << 16,
              pendingBytesMax: 1 << 16,
            },
            world.addNode('broker').environment,
            { scanFrom: physicalOffset(0), durableFloor: physicalOffset(0) },
          );
          const append = (): void => {
            log.append(
              RecordType.Message,
              0,
              PAYLOAD.length,
              (buffer, at) => void PAYLOAD.copy(buffer, at),
            );
          };
          let links = 1;
          log.onAdvance(() => {
            if (log.writtenOffset < log.endOffset || links === 5) return;
            links++;
            void (async () => {
              for (let hop = 0; hop < hops; hop++) await Promise.resolve();
              append();
            })();
          });
          append();
          await world.sleep(200);
          expect(links).toBe(5);
          expect(log.writtenOffset).toBe(log.endOffset);
          await log.close();
        });
      });
    }
  }
});
