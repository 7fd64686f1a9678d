/** How an alert is declared: once, for the rule file, the chart and docs/operating/alerts.md. */

/** `critical`: messages are refused or may be lost, somebody must act now. `warning`: it will come to that if nobody acts. */
export type Severity = 'critical' | 'warning';

export interface AlertDefinition {
  /** Begins with OrbitMQ; also the title of its runbook. */
  readonly name: string;
  readonly severity: Severity;
  /** PromQL. Its labels are those that the texts may name. */
  readonly expr: string;
  /** How long it must hold. */
  readonly for: string;
  /** One line; `{{ $labels.x }}` is filled in by Prometheus. */
  readonly summary: string;
  readonly description: string;
  /** For the runbook: what it means for those who send and receive. */
  readonly impact: string;
  /** For the runbook: what to look at and what to do, in this order. */
  readonly steps: readonly string[];
}

export interface AlertGroup {
  readonly name: string;
  readonly title: string;
  readonly alerts: readonly AlertDefinition[];
}
