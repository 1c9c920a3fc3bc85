{{- define "mailstead.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end -}}

{{/* What selects the pods of a component; never changes. */}}
{{- define "mailstead.selector" -}}
app.kubernetes.io/name: mailstead
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "mailstead.labels" -}}
{{ include "mailstead.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "mailstead.image" -}}
{{- with .root.Values.image.registry }}{{ trimSuffix "/" . }}/{{ end }}mailstead-{{ .component }}:{{ .tag | default .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end -}}

{{/* Whether a listener has a twin for load balancers that speak the PROXY protocol: all that mail clients and hosts come to. */}}
{{- define "mailstead.proxied" -}}
{{- if and .root.Values.proxyNetworks (ne .component "api") (not .listener.inside) }}yes{{ end -}}
{{- end -}}

{{/* The Secret with the first API key, if there is one. */}}
{{- define "mailstead.firstKey" -}}
{{- .Values.api.firstKeySecret | default (ternary (printf "%s-api-key" (include "mailstead.name" .)) "" .Values.evaluation.enabled) -}}
{{- end -}}
