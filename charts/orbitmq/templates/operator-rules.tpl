{{- /*
What the operator may do in the namespaces that it looks after, and why. It reads no logs, executes nothing in pods, impersonates
nobody, and has no wildcard. Objects are written by server-side apply, which is patch, and create for what is new.
*/ -}}
{{- define "orbitmq.rules.namespaced" -}}
# What people write. The operator only answers in the status.
- apiGroups: [orbitmq.io]
  resources: [brokerclusters]
  verbs: [get, list, watch]
# It also sets and removes the finalizer by which a topic goes from the brokers when its resource goes.
- apiGroups: [orbitmq.io]
  resources: [topics, consumergroups]
  verbs: [get, list, watch, patch]
# Its own: one for each broker group. Annotations such as orbitmq.io/switchover are removed when they are done.
- apiGroups: [orbitmq.io]
  resources: [brokergroups]
  verbs: [get, list, watch, create, patch, delete]
# That of a BrokerGroup is the record of failovers, replaced by compare-and-swap.
- apiGroups: [orbitmq.io]
  resources: [brokerclusters/status, brokergroups/status, topics/status, consumergroups/status]
  verbs: [update]
# Children refer to their BrokerCluster in a way that blocks its deletion; some API servers ask for this then.
- apiGroups: [orbitmq.io]
  resources: [brokerclusters/finalizers]
  verbs: [update]
# What a cluster consists of.
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services, configmaps, serviceaccounts]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
# The secret of the peers and the certificates, made and renewed, and the certificates that a BrokerCluster names. It asks for each
# by its name, and never lists them.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, patch]
# Made and deleted by StatefulSets; the operator enlarges them.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, patch]
# Made by StatefulSets. The operator sees whose container has ended, labels the master, and deletes pods one by one when their template
# has changed, or when a master hangs.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, patch, delete]
# The story of a cluster, for kubectl describe.
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{- /* What has no namespace. Without it the operator does not see drains, nor addresses of nodes for listeners of type NodePort. */ -}}
{{- define "orbitmq.rules.clusterScoped" -}}
# Masters on a node that is being drained hand over first. Clients of a NodePort are told the address of a node.
- apiGroups: [""]
  resources: [nodes]
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

{{- /* Who of the replicas leads. Only in the namespace of the release. A name cannot be demanded of what does not exist yet. */ -}}
{{- define "orbitmq.rules.lease" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "orbitmq.operator.name" . }}]
  verbs: [get, update]
{{- end -}}
