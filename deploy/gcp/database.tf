resource "google_sql_database_instance" "soundmill" {
  name                = "soundmill"
  database_version    = "POSTGRES_16"
  region              = var.region
  deletion_protection = var.deletion_protection
  depends_on          = [google_service_networking_connection.services]

  settings {
    tier              = var.database_tier
    edition           = "ENTERPRISE"
    availability_type = var.database_high_availability ? "REGIONAL" : "ZONAL"
    disk_type         = "PD_SSD"
    disk_autoresize   = true
    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.soundmill.id
      ssl_mode        = "ENCRYPTED_ONLY"
    }
    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      start_time                     = "02:00"
      backup_retention_settings {
        retained_backups = 14
      }
    }
    maintenance_window {
      day  = 7
      hour = 3
    }
  }
}

resource "google_sql_database" "soundmill" {
  name     = "soundmill"
  instance = google_sql_database_instance.soundmill.name
}

resource "google_sql_user" "soundmill" {
  name     = "soundmill"
  instance = google_sql_database_instance.soundmill.name
  password = random_password.made["database"].result
}
