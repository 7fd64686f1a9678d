{{- /*
What the operator may do in the namespaces that it looks after, and why. It never reads logs, executes in pods or impersonates,
and it has no wildcard.
*/ -}}
{{- define "orbitmq.rules.namespaced" -}}
# Our own kinds. Annotations such as orbitmq.io/switchover are removed when they are done, and finalizers set and removed: patch.
- apiGroups: [orbitmq.io]
  resources: [brokerclusters, topics, consumergroups]
  verbs: [get, list, watch, patch, update]
- apiGroups: [orbitmq.io]
  resources: [brokerclusters/status, topics/status, consumergroups/status, brokergroups/status]
  verbs: [get, patch, update]
# BrokerGroups are made by the operator. Their status is the record of failovers, replaced by compare-and-swap: update above.
- apiGroups: [orbitmq.io]
  resources: [brokergroups]
  verbs: [get, list, watch, create, patch, update, delete]
# Owner references that block deletion need this where the API server enforces it.
- apiGroups: [orbitmq.io]
  resources: [brokerclusters/finalizers, brokergroups/finalizers, topics/finalizers, consumergroups/finalizers]
  verbs: [update]
# What a cluster consists of, written by server-side apply: patch, and create for what is new.
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, update, delete]
- apiGroups: [""]
  resources: [services, configmaps, serviceaccounts]
  verbs: [get, list, watch, create, patch, update, delete]
# The secret of the peers, certificates, and the certificates that users name in a BrokerCluster.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch, update, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, update, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, update, delete]
# Claims are made by StatefulSets. The operator enlarges them (patch), and deletes them where deletionPolicy says so.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, patch, update, delete]
# Pods are made by StatefulSets. The operator tells whose container has ended (watch), labels the master (patch), and replaces pods
# one by one when their template has changed (delete).
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, patch, update, delete]
# The story of a cluster, for kubectl describe.
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch, update]
{{- end -}}

{{- /* What has no namespace. The operator works without, and then does not see drains and whether volumes can grow. */ -}}
{{- define "orbitmq.rules.clusterScoped" -}}
# A node that is being drained: its masters hand over first. Addresses of nodes are what clients of a NodePort are told.
- apiGroups: [""]
  resources: [nodes]
  verbs: [get, list, watch]
# May volumes grow?
- apiGroups: [storage.k8s.io]
  resources: [storageclasses]
  verbs: [get, list, watch]
{{- end -}}

{{- /* At its start the operator compares the definitions with those that it was built with. */ -}}
{{- define "orbitmq.rules.definitions" -}}
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  resourceNames:
    - brokerclusters.orbitmq.io
    - brokergroups.orbitmq.io
    - consumergroups.orbitmq.io
    - topics.orbitmq.io
  verbs: [get]
{{- end -}}

{{- /* Who of the replicas leads. Only in the namespace of the release. */ -}}
{{- define "orbitmq.rules.lease" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "orbitmq.operator.name" . }}]
  verbs: [get, update, patch]
{{- end -}}
