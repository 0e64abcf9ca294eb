{{/* Names and labels. */}}
{{- define "soundmill.name" -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "soundmill.labels" -}}
app.kubernetes.io/name: soundmill
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* What selects the pods of a role: dict "root" $ "role" "api". */}}
{{- define "soundmill.selector" -}}
app.kubernetes.io/name: soundmill
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "soundmill.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "soundmill.claim" -}}
{{ .Values.persistence.existingClaim | default (printf "%s-files" (include "soundmill.name" .)) }}
{{- end }}

{{/* What every pod may not do. */}}
{{- define "soundmill.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .Values.uid }}
runAsGroup: {{ .Values.uid }}
fsGroup: {{ .Values.uid }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "soundmill.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* A setting from the Secret: dict "root" $ "name" "SOUNDMILL_SECRET" "key" "secret". */}}
{{- define "soundmill.secretSetting" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef: {name: {{ .root.Values.existingSecret }}, key: {{ .key }}}
{{- end }}

{{/* Of two with one name the later one wins, so these stand first. */}}
{{- define "soundmill.commonSettings" -}}
{{- range $name, $value := .Values.settings }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
- {name: SOUNDMILL_DATA_DIR, value: /data}
- {name: SOUNDMILL_DRAIN_SECONDS, value: {{ .Values.drainSeconds | quote }}}
- {name: SOUNDMILL_LOG_LEVEL, value: {{ .Values.logLevel }}}
- {name: SOUNDMILL_LOG_FORMAT, value: {{ .Values.logFormat }}}
{{- if .Values.bucket.url }}
- {name: SOUNDMILL_STORAGE_URL, value: {{ .Values.bucket.url | quote }}}
- {name: SOUNDMILL_STORAGE_ALLOW_HTTP, value: {{ .Values.bucket.allowHttp | quote }}}
- {name: SOUNDMILL_FILE_SWEEP_INTERVAL, value: {{ .Values.bucket.sweepSeconds | quote }}}
{{- end }}
{{- end }}

{{/* What the bucket's client reads for itself. */}}
{{- define "soundmill.bucketCredentials" -}}
{{- if .Values.bucket.credentialsSecret -}}
- secretRef: {name: {{ .Values.bucket.credentialsSecret }}}
{{- else -}}
[]
{{- end }}
{{- end }}

{{/* Of a worker or janitor: where its metrics are. */}}
{{- define "soundmill.metricsSettings" -}}
- {name: SOUNDMILL_METRICS_HOST, value: 0.0.0.0}
- {name: SOUNDMILL_METRICS_PORT, value: "9464"}
{{- end }}

{{- define "soundmill.mounts" -}}
- {name: files, mountPath: /data}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "soundmill.volumes" -}}
- name: files
  {{- if .Values.bucket.url }}
  emptyDir: {sizeLimit: {{ .Values.bucket.workSize }}}
  {{- else }}
  persistentVolumeClaim: {claimName: {{ include "soundmill.claim" . }}}
  {{- end }}
- name: tmp
  emptyDir: {sizeLimit: 1Gi}
{{- end }}
