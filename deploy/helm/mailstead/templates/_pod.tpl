{{/* What all our pods have in common: an ordinary user, no rights, nothing to write to, no token. */}}
{{- define "mailstead.pod" -}}
serviceAccountName: {{ include "mailstead.name" .root }}-{{ .component }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{ range . }}
  - name: {{ . }}{{ end }}
{{- end }}
{{- end -}}

{{- define "mailstead.container.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Environment that every service has. */}}
{{- define "mailstead.environment" -}}
- {name: MAILSTEAD_HOSTNAME, value: {{ required "set hostname: the name this host gives itself to others" .root.Values.hostname | quote }}}
- {name: MAILSTEAD_LISTEN_HOST, value: "::"}
- {name: MAILSTEAD_OBSERVE_HOST, value: "::"}
- {name: MAILSTEAD_OBSERVE_PORT, value: {{ .observe | quote }}}
- {name: MAILSTEAD_DRAIN_SECONDS, value: {{ .root.Values.drainSeconds | quote }}}
- {name: MAILSTEAD_DATABASE_URL, value: {{ include "mailstead.database.url" (dict "root" .root "role" (printf "mailstead_%s" (replace "-" "_" .component))) | quote }}}
- name: PGPASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "mailstead.database.secret" .root }}, key: {{ .component }}}}
{{- if .root.Values.nats.existingSecret }}
- name: MAILSTEAD_NATS_URL
  valueFrom: {secretKeyRef: {name: {{ .root.Values.nats.existingSecret }}, key: url}}
{{- else if .root.Values.nats.url }}
- {name: MAILSTEAD_NATS_URL, value: {{ .root.Values.nats.url | quote }}}
{{- else if .root.Values.evaluation.enabled }}
- name: MAILSTEAD_NATS_URL
  valueFrom: {secretKeyRef: {name: {{ include "mailstead.name" .root }}-nats, key: url}}
{{- else }}{{ fail "set nats.url or nats.existingSecret: the NATS servers" }}
{{- end }}
{{- with .root.Values.proxyNetworks }}
- {name: MAILSTEAD_PROXY_NETWORKS, value: {{ join "," . | quote }}}
{{- end }}
{{- if and .root.Values.lmtpNetworks (eq .component "smtp-in") }}
- {name: MAILSTEAD_LMTP_NETWORKS, value: {{ join "," .root.Values.lmtpNetworks | quote }}}
{{- end }}
{{- $files := ternary (list "tls.crt" "tls.key") (list "server.pem" "server.key") (ne (include "mailstead.tlsSecret" .root) "") }}
- {name: MAILSTEAD_TLS_CERTIFICATE, value: /etc/mailstead/tls/{{ first $files }}}
- {name: MAILSTEAD_TLS_KEY, value: /etc/mailstead/tls/{{ last $files }}}
{{- range $name, $value := merge (dict) .values.settings .root.Values.settings }}
- {name: MAILSTEAD_{{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end -}}
