{{/*
The services: which module runs, where its probes are, what it listens on, and what it may reach beside database and events. A
listener that is `inside` is for the cluster alone.
*/}}
{{- define "mailstead.components" -}}
smtp-in:
  observe: 9101
  listeners:
    - {name: smtp, port: 25, container: 2525}
    - {name: submission, port: 587, container: 2587}
    - {name: submissions, port: 465, container: 2465}
    - {name: managesieve, port: 4190, container: 4190}
    {{- if .Values.lmtpNetworks }}
    - {name: lmtp, port: 24, container: 2424, inside: true}
    {{- end }}
  metric: mailstead_connections_open
delivery:
  observe: 9102
  listeners: []
  egress: [25, 443, 465, 587] # other hosts, their MTA-STS policies, smart hosts
imap:
  observe: 9103
  listeners:
    - {name: imap, port: 143, container: 2143}
    - {name: imaps, port: 993, container: 2993}
  metric: mailstead_connections_open
pop3:
  observe: 9104
  listeners:
    - {name: pop3, port: 110, container: 2110}
    - {name: pop3s, port: 995, container: 2995}
  metric: mailstead_connections_open
api:
  observe: 9105
  listeners:
    - {name: http, port: 80, container: 8080}
jobs:
  observe: 9106
  listeners: []
  egress: [443] # webhooks
{{- end -}}
