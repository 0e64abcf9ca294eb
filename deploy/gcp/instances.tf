locals {
  startup = {
    for role in ["api", "worker", "janitor"] : role => templatefile("${path.module}/startup/soundmill.sh.tftpl", {
      role     = role
      release  = role == "worker" && var.worker_release != "" ? var.worker_release : var.release
      settings = var.settings
      # Above the APIs' own limit, whose answer is what a client is to see.
      body_limit     = format("%d", tonumber(lookup(var.settings, "SOUNDMILL_UPLOAD_LIMIT", "10737418240")) + 1073741824)
      secrets        = local.readers[role]
      bucket_storage = var.bucket_storage
      bucket         = var.bucket_storage ? google_storage_bucket.files[0].name : ""
      forwarded      = var.domain == "" ? "$scheme" : "$http_x_forwarded_proto"
      balancer       = google_compute_global_address.entry.address
    })
  }
  # Needed before an instance's first start finishes: its secrets, the database, the names that it asks for.
  ready = [
    google_secret_manager_secret_version.soundmill,
    google_secret_manager_secret_iam_member.reader,
    google_storage_bucket_iam_member.release,
    google_sql_user.soundmill,
    google_sql_database.soundmill,
    google_dns_record_set.inside,
    google_compute_router_nat.soundmill,
  ]
}

# Start-up scripts are metadata here and below, which change in place: as metadata_startup_script a new release would replace all instances at once.
resource "google_compute_instance" "api" {
  count                     = var.api_count
  name                      = "soundmill-api-${count.index}"
  machine_type              = var.api_machine_type
  zone                      = var.zone
  allow_stopping_for_update = true
  metadata                  = { enable-oslogin = "TRUE", startup-script = local.startup["api"] }
  depends_on                = [local.ready]

  boot_disk {
    initialize_params {
      image = var.image
      size  = 20
    }
  }
  network_interface {
    subnetwork = google_compute_subnetwork.soundmill.id
    network_ip = google_compute_address.api[count.index].address
  }
  service_account {
    email  = google_service_account.role["api"].email
    scopes = ["cloud-platform"]
  }
  shielded_instance_config {
    enable_secure_boot = true
  }
}

resource "google_compute_instance" "janitor" {
  name                      = "soundmill-janitor"
  machine_type              = "e2-small"
  zone                      = var.zone
  allow_stopping_for_update = true
  metadata                  = { enable-oslogin = "TRUE", startup-script = local.startup["janitor"] }
  depends_on                = [local.ready]

  boot_disk {
    initialize_params {
      image = var.image
      size  = 10
    }
  }
  network_interface {
    subnetwork = google_compute_subnetwork.soundmill.id
  }
  service_account {
    email  = google_service_account.role["janitor"].email
    scopes = ["cloud-platform"]
  }
  shielded_instance_config {
    enable_secure_boot = true
  }
}

# Redis keeps nothing on its disk: the rows of the database are the truth, and a lost message costs a sweep of the janitor.
resource "google_compute_instance" "broker" {
  name                      = "soundmill-broker"
  machine_type              = "e2-small"
  zone                      = var.zone
  allow_stopping_for_update = true
  metadata                  = { enable-oslogin = "TRUE", startup-script = file("${path.module}/startup/broker.sh") }
  depends_on                = [local.ready]

  boot_disk {
    initialize_params {
      image = var.image
      size  = 10
    }
  }
  network_interface {
    subnetwork = google_compute_subnetwork.soundmill.id
    network_ip = google_compute_address.broker.address
  }
  service_account {
    email  = google_service_account.role["broker"].email
    scopes = ["cloud-platform"]
  }
  shielded_instance_config {
    enable_secure_boot = true
  }
}

resource "google_compute_instance" "load" {
  count                     = var.load_generator ? 1 : 0
  name                      = "soundmill-load"
  machine_type              = "e2-standard-4"
  zone                      = var.zone
  allow_stopping_for_update = true
  metadata                  = { enable-oslogin = "TRUE" }

  boot_disk {
    initialize_params {
      image = var.image
      size  = 50
    }
  }
  network_interface {
    subnetwork = google_compute_subnetwork.soundmill.id
  }
  service_account {
    email  = google_service_account.role["load"].email
    scopes = ["cloud-platform"]
  }
  shielded_instance_config {
    enable_secure_boot = true
  }
}
