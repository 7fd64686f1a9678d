import { describe, expect, it } from '@jest/globals';
import type { MetricDefinition } from '../../../../common/metrics/metric-definition.ts';
import { METRICS } from '../../../../common/metrics/metric-table.ts';
import { Metrics } from '../../../../common/metrics/metrics.ts';
import { processMetrics } from '../../../../common/metrics/process-metrics.ts';

const NODE = { cluster: 'c', node_type: 'standalone', node_id: 'broker-a' };
const COMMON = 'cluster="c",node_type="standalone",node_id="broker-a"';

let turns = 0;
const timers = {
  after: () => ({ cancel: () => undefined }),
  soon: (task: () => void) => {
    turns++;
    queueMicrotask(task);
  },
};

async function render(metrics: Metrics): Promise<string> {
  let text = '';
  for await (const part of metrics.render(timers)) text += part;
  return text;
}

const topic = (name: string) => ({ topic: name, message_type: 'NORMAL', is_system: 'false' });

describe('metric table', () => {
  const definitions = Object.values<MetricDefinition>(METRICS);

  it('has each name once, in the form of its type', () => {
    const names = definitions.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, type } of definitions) {
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
      expect(name).toMatch(/^(rocketmq|orbitmq)_[a-z_]+$/);
    }
  });

  it('gives histograms ascending bounds', () => {
    for (const { buckets = [] } of definitions) {
      expect([...buckets].sort((a, b) => a - b)).toEqual(buckets);
    }
  });
});

describe('Metrics', () => {
  it('renders counters with the labels of the node and their own', async () => {
    const metrics = new Metrics(NODE, 10);
    const cell = metrics.counter('messagesIn').cell(topic('orders'));
    cell.add();
    cell.add(2);
    expect(await render(metrics)).toBe(
      '# HELP rocketmq_messages_in_total Messages stored\n' +
        '# TYPE rocketmq_messages_in_total counter\n' +
        `rocketmq_messages_in_total{${COMMON},topic="orders",message_type="NORMAL",is_system="false"} 3\n`,
    );
  });

  it('hands out the same cell for the same labels', () => {
    const family = new Metrics(NODE, 10).counter('messagesIn');
    expect(family.cell(topic('a'))).toBe(family.cell(topic('a')));
  });

  it('escapes label values', async () => {
    const metrics = new Metrics(NODE, 10);
    metrics.counter('protocolErrors').cell({ reason: 'a"b\\c\nd' }).add();
    expect(await render(metrics)).toContain('reason="a\\"b\\\\c\\nd"');
  });

  it('asks for gauges when it is scraped', async () => {
    const metrics = new Metrics(NODE, 10);
    let topics = 1;
    metrics.collectValue('topicNumber', () => topics);
    topics = 7;
    expect(await render(metrics)).toContain(`rocketmq_topic_number{${COMMON}} 7`);
  });

  it('cumulates the buckets of a histogram, a bound included in its bucket', async () => {
    const metrics = new Metrics(NODE, 10);
    const cell = metrics.histogram('topicCreateExecutionTime').cell({ invocation_status: 'ok' });
    for (const value of [5, 10, 11, 99_999]) cell.observe(value);
    const lines = (await render(metrics)).split('\n').filter((line) => !line.startsWith('#'));
    expect(lines.map((line) => line.replace(/\{.*?(le="[^"]*")?\}/, ' $1'))).toEqual([
      'rocketmq_topic_create_execution_time_bucket le="10" 2',
      'rocketmq_topic_create_execution_time_bucket le="100" 3',
      'rocketmq_topic_create_execution_time_bucket le="1000" 3',
      'rocketmq_topic_create_execution_time_bucket le="3000" 3',
      'rocketmq_topic_create_execution_time_bucket le="+Inf" 4',
      'rocketmq_topic_create_execution_time_sum  100025',
      'rocketmq_topic_create_execution_time_count  4',
      '',
    ]);
  });

  it('puts what exceeds the bound of series into one', async () => {
    const metrics = new Metrics(NODE, 3);
    for (let i = 0; i < 10; i++)
      metrics
        .counter('messagesIn')
        .cell(topic(`t${i}`))
        .add();
    metrics.collect('consumerLagLatency', function* () {
      for (let i = 0; i < 10; i++) {
        yield [{ topic: `t${i}`, consumer_group: 'g', is_retry: '', is_system: '' }, i];
      }
    });
    const text = await render(metrics);
    expect(text).toMatch(/messages_in_total\{.*topic="_other".*\} 7/);
    expect(text).toMatch(/lag_latency\{.*topic="_other".*\} 9/);
    expect(text.split('\n').filter((line) => line.startsWith('rocketmq_messages_in'))).toHaveLength(
      4,
    );
  });

  it('forgets the series of a deleted topic', async () => {
    const metrics = new Metrics(NODE, 10);
    metrics.counter('messagesIn').cell(topic('a')).add();
    metrics.counter('messagesIn').cell(topic('b')).add();
    metrics.counter('messagesIn').remove({ topic: 'a' });
    const text = await render(metrics);
    expect(text).not.toContain('topic="a"');
    expect(text).toContain('topic="b"');
  });

  it('gives the event loop its turn while it renders many series', async () => {
    const metrics = new Metrics(NODE, 100_000);
    for (let i = 0; i < 10_000; i++)
      metrics
        .counter('messagesIn')
        .cell(topic(`t${i}`))
        .add();
    turns = 0;
    await render(metrics);
    expect(turns).toBe(10);
  });

  it('includes event-loop delay and memory of the process', async () => {
    const metrics = new Metrics(NODE, 10);
    metrics.addSource(processMetrics(NODE));
    const text = await render(metrics);
    expect(text).toMatch(/nodejs_eventloop_lag_p99_seconds\{.*node_id="broker-a"/);
    expect(text).toContain('process_resident_memory_bytes');
  });
});
