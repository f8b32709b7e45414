{{- define "usher.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" (.Release.Name | trunc 34 | trimSuffix "-") .Chart.Name }}{{ end }}
{{- end }}

{{- define "usher.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "usher.labels" -}}
{{ include "usher.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- /* The addresses between the nodes: each pod has a name in the headless service. It is written in
full, because then it is in the pod's own /etc/hosts, and a node knows itself before DNS does. */}}
{{- define "usher.peers" -}}
{{- $name := include "usher.name" . }}
{{- $peers := list }}
{{- range until (int .Values.replicas) }}
{{- $peers = append $peers (printf "%s-%d.%s-nodes.%s.svc.%s:6222" $name . $name $.Release.Namespace $.Values.clusterDomain) }}
{{- end }}
{{- join "," $peers }}
{{- end }}
