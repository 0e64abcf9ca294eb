# One identity a role, with the secrets of that role and no others.
resource "google_service_account" "role" {
  for_each     = toset(["api", "worker", "janitor", "broker", "nfs", "load"])
  account_id   = "soundmill-${each.key}"
  display_name = "soundmill ${each.key}"
}

resource "google_project_iam_member" "telemetry" {
  for_each = {
    for pair in setproduct(keys(google_service_account.role), ["roles/logging.logWriter", "roles/monitoring.metricWriter"]) :
    "${pair[0]} ${pair[1]}" => { account = pair[0], role = pair[1] }
  }
  project = var.project
  role    = each.value.role
  member  = google_service_account.role[each.value.account].member
}

resource "google_storage_bucket_iam_member" "release" {
  for_each = toset(["api", "worker", "janitor"])
  bucket   = split("/", trimprefix(var.release, "gs://"))[0]
  role     = "roles/storage.objectViewer"
  member   = google_service_account.role[each.key].member
}

resource "random_password" "made" {
  for_each = toset(["secret", "worker-secret", "database", "redis"])
  length   = 48
  special  = false
}

locals {
  secrets = {
    secret         = random_password.made["secret"].result
    worker-secret  = random_password.made["worker-secret"].result
    database-url   = "postgresql+psycopg://soundmill:${random_password.made["database"].result}@database.soundmill.internal:5432/soundmill?sslmode=require"
    broker-url     = "redis://:${random_password.made["redis"].result}@broker.soundmill.internal:6379/0"
    limits-url     = "redis://:${random_password.made["redis"].result}@broker.soundmill.internal:6379/1"
    redis-password = random_password.made["redis"].result
  }
  readers = {
    api     = ["secret", "worker-secret", "database-url", "broker-url", "limits-url"]
    worker  = ["worker-secret", "broker-url"]
    janitor = ["database-url", "broker-url"]
    broker  = ["redis-password"]
  }
}

resource "google_secret_manager_secret" "soundmill" {
  for_each  = toset(["secret", "worker-secret", "database-url", "broker-url", "limits-url", "redis-password"])
  secret_id = "soundmill-${each.key}"
  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }
}

resource "google_secret_manager_secret_version" "soundmill" {
  for_each    = google_secret_manager_secret.soundmill
  secret      = each.value.id
  secret_data = local.secrets[each.key]
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = merge([
    for role, names in local.readers : { for name in names : "${role} ${name}" => { role = role, name = name } }
  ]...)
  secret_id = google_secret_manager_secret.soundmill[each.value.name].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.role[each.value.role].member
}
