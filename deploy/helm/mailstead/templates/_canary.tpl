{{/* The Secret of the pod that mails itself; without one for it, that with the first API key, by which it makes its account. */}}
{{- define "mailstead.canary.secret" -}}
{{- .Values.canary.existingSecret | default (include "mailstead.firstKey" .) -}}
{{- end -}}

{{/* The pod that mails itself: every few minutes when asked to, and once for `helm test`. */}}
{{- define "mailstead.canary.spec" -}}
{{- $name := include "mailstead.name" . -}}
{{- $secret := include "mailstead.canary.secret" . -}}
{{- $own := ne .Values.canary.existingSecret "" -}}
{{- $inside := ternary "-inside" "" (ne (len .Values.proxyNetworks) 0) -}}
{{- $certified := include "mailstead.tlsSecret" . -}}
{{- include "mailstead.pod" (dict "root" . "component" "canary") }}
restartPolicy: Never
containers:
  - name: canary
    image: {{ include "mailstead.image" (dict "root" . "component" "jobs" "tag" .Values.services.jobs.tag) }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    command: [python, -m, canary]
    env:
      - {name: MAILSTEAD_CANARY_SMTP, value: "{{ $name }}-smtp-in{{ $inside }}:465"}
      - {name: MAILSTEAD_CANARY_IMAP, value: "{{ $name }}-imap{{ $inside }}:993"}
      - {name: MAILSTEAD_CANARY_POP3, value: "{{ $name }}-pop3{{ $inside }}:995"}
      - {name: MAILSTEAD_CANARY_API_URL, value: "http://{{ $name }}-api:80"}
      - {name: MAILSTEAD_CANARY_API_KEY_FILE, value: /etc/mailstead/canary/{{ ternary "api-key" "key" $own }}}
      - {name: MAILSTEAD_CANARY_TLS_NAME, value: {{ .Values.hostname | quote }}}
      - {name: MAILSTEAD_CANARY_TLS_VERIFY, value: {{ ternary "true" "false" (ne $certified "") | quote }}}
      - {name: MAILSTEAD_CANARY_SECONDS, value: {{ .Values.canary.seconds | quote }}}
      {{- if .Values.canary.caSecret }}
      - {name: MAILSTEAD_CANARY_TLS_AUTHORITY, value: /etc/mailstead/authority/ca.crt}
      {{- end }}
      {{- if $own }}
      - name: MAILSTEAD_CANARY_USER
        valueFrom: {secretKeyRef: {name: {{ $secret }}, key: user}}
      - {name: MAILSTEAD_CANARY_PASSWORD_FILE, value: /etc/mailstead/canary/password}
      {{- with .Values.canary.remote }}
      - {name: MAILSTEAD_CANARY_REMOTE, value: {{ . | quote }}}
      {{- end }}
      {{- end }}
    securityContext: {{- include "mailstead.container.securityContext" . | nindent 6 }}
    resources: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 128Mi}}
    volumeMounts:
      - {name: canary, mountPath: /etc/mailstead/canary, readOnly: true}
      {{- if .Values.canary.caSecret }}
      - {name: authority, mountPath: /etc/mailstead/authority, readOnly: true}
      {{- end }}
volumes:
  - name: canary
    secret: {secretName: {{ $secret }}, defaultMode: 0440}
  {{- with .Values.canary.caSecret }}
  - name: authority
    secret:
      secretName: {{ . }}
      defaultMode: 0440
      items: [{key: ca.crt, path: ca.crt}]
  {{- end }}
{{- end -}}
