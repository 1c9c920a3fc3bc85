{{/* Where PostgreSQL is: given, rendered for CloudNativePG, or the evaluation's own. Exactly one of the three. */}}
{{- define "mailstead.database.host" -}}
{{- $values := .Values -}}
{{- $ways := add (ternary 1 0 (ne $values.database.external.host "")) (ternary 1 0 $values.database.cloudnativepg.enabled) (ternary 1 0 $values.evaluation.enabled) -}}
{{- if ne (int $ways) 1 }}{{ fail "set exactly one of database.external.host, database.cloudnativepg.enabled and evaluation.enabled" }}{{ end -}}
{{- if $values.database.external.host }}{{ $values.database.external.host }}
{{- else if $values.database.cloudnativepg.enabled }}{{ include "mailstead.name" . }}-postgresql-rw
{{- else }}{{ include "mailstead.name" . }}-postgresql{{ end }}
{{- end -}}

{{/* As the role .role; the password comes from PGPASSWORD. */}}
{{- define "mailstead.database.url" -}}
{{- $external := .root.Values.database.external -}}
{{- $mode := ternary "disable" (ternary "verify-full" $external.sslMode .root.Values.database.cloudnativepg.enabled) .root.Values.evaluation.enabled -}}
postgresql://{{ .role }}@{{ include "mailstead.database.host" .root }}:{{ ternary $external.port 5432 (ne $external.host "") }}/{{ $external.name }}?sslmode={{ $mode }}
{{- if and (include "mailstead.database.caSecret" .root) (hasPrefix "verify" $mode) }}&sslrootcert=/etc/mailstead/database-ca/ca.crt{{ end }}
{{- end -}}

{{- define "mailstead.database.caSecret" -}}
{{- if .Values.database.cloudnativepg.enabled }}{{ include "mailstead.name" . }}-postgresql-ca{{ else if .Values.database.external.host }}{{ .Values.database.external.caSecret }}{{ end }}
{{- end -}}

{{/* The Secret with the passwords of the roles. */}}
{{- define "mailstead.database.secret" -}}
{{- if .Values.database.existingSecret }}{{ .Values.database.existingSecret }}
{{- else if or .Values.externalSecrets.enabled .Values.evaluation.enabled }}{{ include "mailstead.name" . }}-database
{{- else }}{{ fail "set database.existingSecret: a Secret with the keys owner (not with CloudNativePG), smtp-in, delivery, imap, pop3, api and jobs" }}{{ end }}
{{- end -}}

{{/* The Secret and its key with the password of the schema's owner: CloudNativePG makes its own. */}}
{{- define "mailstead.database.owner" -}}
{{- if .Values.database.cloudnativepg.enabled }}{name: {{ include "mailstead.name" . }}-postgresql-app, key: password}
{{- else }}{name: {{ include "mailstead.database.secret" . }}, key: owner}{{ end }}
{{- end -}}

{{- define "mailstead.tlsSecret" -}}
{{- if .Values.tls.existingSecret }}{{ .Values.tls.existingSecret }}
{{- else if .Values.tls.certManager.enabled }}{{ include "mailstead.name" . }}-tls
{{- else if not .Values.evaluation.enabled }}{{ fail "set tls.existingSecret or tls.certManager.enabled: without a certificate nobody can log in" }}{{ end }}
{{- end -}}

{{/* One password of an evaluation, always the same for the same secret. */}}
{{- define "mailstead.evaluation.password" -}}
{{- if lt (len .root.Values.evaluation.secret) 32 }}{{ fail "set evaluation.secret to at least 32 random characters, as from openssl rand -hex 24" }}{{ end -}}
{{- printf "%s/%s" .root.Values.evaluation.secret .of | sha256sum | trunc 40 -}}
{{- end -}}
