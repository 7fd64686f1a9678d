/** Reports of brokers and their acks as bytes: orbitmq.v1.NameServer. */
import { MqError } from '../errors/mq-error.ts';
import { STATUS_OK } from '../errors/status.ts';
import { PROTOCOL_CODES } from '../errors/protocol-code.ts';
import type {
  BrokerDelta,
  BrokerHeartbeat,
  BrokerHello,
  BrokerReport,
  BrokerReportAck as Ack,
  NumberedReport,
} from '../model/broker-report.ts';
import {
  BrokerReport as Report,
  BrokerReportAck,
  ConsumerGroupConfig,
  NameServerMethods,
  TopicConfig,
  type IBrokerDelta,
  type IBrokerHeartbeat,
  type IBrokerHello,
  type IBrokerReport,
  type IHostPort,
} from '../../proto/generated/orbitmq.ts';
import type { ConsumerGroupConfig as GroupModel } from '../model/consumer-group.ts';
import type { TopicConfig as TopicModel } from '../model/topic.ts';
import { groupFromWire, groupToWire, topicFromWire, topicToWire } from './configuration-codec.ts';

export const REGISTER_BROKER_PATH = NameServerMethods.RegisterBroker.path;

export function encodeReport({ sequence, report }: NumberedReport): Uint8Array {
  return Report.encode({ sequence, ...reportToWire(report) }).finish();
}

/** Throws when the bytes are no report that makes sense. */
export function decodeReport(bytes: Uint8Array): NumberedReport {
  const wire: IBrokerReport = Report.decode(bytes);
  return { sequence: count(wire.sequence, 'sequence'), report: reportFromWire(wire) };
}

export function encodeAck({ refusal, isGranted, ...ack }: Ack): Uint8Array {
  const status =
    refusal === undefined
      ? STATUS_OK
      : { code: PROTOCOL_CODES.PRECONDITION_FAILED, message: refusal };
  return BrokerReportAck.encode({ ...ack, status, granted: isGranted }).finish();
}

export function decodeAck(bytes: Uint8Array): Ack {
  const ack = BrokerReportAck.decode(bytes);
  const isOk = ack.status?.code === PROTOCOL_CODES.OK;
  return {
    sequence: count(ack.sequence, 'sequence'),
    refusal: isOk ? undefined : (ack.status?.message ?? 'no status came'),
    epoch: count(ack.epoch, 'epoch'),
    nameServerRunId: ack.nameServerRunId,
    knownVersion: count(ack.knownVersion, 'known_version'),
    isGranted: ack.granted,
  };
}

/** Bytes that a topic takes in a delta, tag and length included. */
export function topicBytes(topic: TopicModel): number {
  return TopicConfig.encode(topicToWire(topic)).pos + FIELD_OVERHEAD_BYTES;
}

/** Bytes that a group takes in a delta, tag and length included. */
export function groupBytes(group: GroupModel): number {
  return ConsumerGroupConfig.encode(groupToWire(group)).pos + FIELD_OVERHEAD_BYTES;
}

/** Bytes that the name of something removed takes in a delta. */
export function nameBytes(name: string): number {
  return Buffer.byteLength(name) + FIELD_OVERHEAD_BYTES;
}

/** A tag and a length of up to 2^28. */
const FIELD_OVERHEAD_BYTES = 5;

function reportToWire(report: BrokerReport): IBrokerReport {
  if (report.kind === 'hello') return { hello: helloToWire(report.hello) };
  if (report.kind === 'delta') return { delta: deltaToWire(report.delta) };
  if (report.kind === 'goodbye') return { goodbye: {} };
  const { isWritable, ...heartbeat } = report.heartbeat;
  return { heartbeat: { ...heartbeat, writable: isWritable } };
}

function helloToWire({ isSlave, ...hello }: BrokerHello): IBrokerHello {
  return { ...hello, slave: isSlave };
}

function deltaToWire(delta: BrokerDelta): IBrokerDelta {
  return {
    baseVersion: delta.baseVersion,
    version: delta.version,
    complete: delta.isComplete,
    topicsSet: delta.topics.map(topicToWire),
    topicsRemoved: [...delta.removedTopics],
    groupsSet: delta.groups.map(groupToWire),
    groupsRemoved: [...delta.removedGroups],
  };
}

function reportFromWire(wire: IBrokerReport): BrokerReport {
  if (wire.hello) return { kind: 'hello', hello: helloFromWire(wire.hello) };
  if (wire.delta) return { kind: 'delta', delta: deltaFromWire(wire.delta) };
  if (wire.heartbeat) return { kind: 'heartbeat', heartbeat: heartbeatFromWire(wire.heartbeat) };
  if (wire.goodbye) return { kind: 'goodbye' };
  throw malformed('it is none of hello, delta, heartbeat, goodbye');
}

function helloFromWire(wire: IBrokerHello): BrokerHello {
  const advertised = addressFromWire(wire.advertised, 'advertised');
  return {
    clusterName: text(wire.clusterName, 'cluster_name'),
    brokerName: text(wire.brokerName, 'broker_name'),
    advertised,
    epoch: count(wire.epoch, 'epoch'),
    version: wire.version ?? '',
    runId: text(wire.runId, 'run_id'),
    heartbeatIntervalMs: count(wire.heartbeatIntervalMs, 'heartbeat_interval_ms'),
    memberName: wire.memberName ?? '',
    isSlave: wire.slave ?? false,
    memberAddress: wire.memberAddress
      ? addressFromWire(wire.memberAddress, 'member_address')
      : advertised,
  };
}

function addressFromWire(
  wire: IHostPort | null | undefined,
  field: string,
): BrokerHello['advertised'] {
  const host = text(wire?.host, `${field}.host`);
  const port = count(wire?.port, `${field}.port`);
  if (port < 1 || port > 65_535) throw malformed(`${field}.port is ${port}`);
  return { host, port };
}

function deltaFromWire(wire: IBrokerDelta): BrokerDelta {
  return {
    baseVersion: count(wire.baseVersion, 'base_version'),
    version: count(wire.version, 'version'),
    isComplete: wire.complete ?? false,
    topics: (wire.topicsSet ?? []).map((topic) => present(topicFromWire(topic), 'a topic')),
    removedTopics: wire.topicsRemoved ?? [],
    groups: (wire.groupsSet ?? []).map((group) => present(groupFromWire(group), 'a group')),
    removedGroups: wire.groupsRemoved ?? [],
  };
}

function heartbeatFromWire(wire: IBrokerHeartbeat): BrokerHeartbeat {
  return {
    epoch: count(wire.epoch, 'epoch'),
    logEndOffset: count(wire.logEndOffset, 'log_end_offset'),
    confirmOffset: count(wire.confirmOffset, 'confirm_offset'),
    isWritable: wire.writable ?? false,
  };
}

function text(value: string | null | undefined, field: string): string {
  if (!value) throw malformed(`${field} is missing`);
  return value;
}

function count(value: number | null | undefined, field: string): number {
  const given = value ?? 0;
  if (Number.isSafeInteger(given) && given >= 0) return given;
  throw malformed(`${field} is ${given}`);
}

function present<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw malformed(`${what} has no name`);
  return value;
}

function malformed(reason: string): MqError {
  return new MqError('request-malformed', { rpc: 'RegisterBroker', reason });
}
