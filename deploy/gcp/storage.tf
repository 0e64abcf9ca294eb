# The shared directory: an NFS server of our own with a disk that is snapshotted. It is the one machine whose loss stops the service until it
# is back; nothing that was accepted is lost with it.
resource "google_compute_disk" "files" {
  count = var.bucket_storage ? 0 : 1
  name  = "soundmill-files"
  type  = "pd-balanced"
  zone  = var.zone
  size  = var.nfs_disk_gb
  lifecycle {
    prevent_destroy = true
  }
}

resource "google_compute_resource_policy" "snapshots" {
  count  = var.bucket_storage ? 0 : 1
  name   = "soundmill-files"
  region = var.region
  snapshot_schedule_policy {
    schedule {
      daily_schedule {
        days_in_cycle = 1
        # After the database's backup: a file is there before its row, so the snapshot has every file that those rows name.
        start_time = "04:00"
      }
    }
    retention_policy {
      max_retention_days = 14
    }
  }
}

resource "google_compute_disk_resource_policy_attachment" "snapshots" {
  count = var.bucket_storage ? 0 : 1
  name  = google_compute_resource_policy.snapshots[0].name
  disk  = google_compute_disk.files[0].name
  zone  = var.zone
}

resource "google_compute_instance" "nfs" {
  count                     = var.bucket_storage ? 0 : 1
  name                      = "soundmill-nfs"
  machine_type              = "e2-standard-4"
  zone                      = var.zone
  allow_stopping_for_update = true
  deletion_protection       = var.deletion_protection
  metadata = {
    enable-oslogin = "TRUE"
    startup-script = templatefile("${path.module}/startup/nfs.sh.tftpl", { clients = var.subnet_range })
  }
  depends_on = [google_compute_router_nat.soundmill]

  boot_disk {
    initialize_params {
      image = var.image
      size  = 10
    }
  }
  attached_disk {
    source      = google_compute_disk.files[0].id
    device_name = "files"
  }
  network_interface {
    subnetwork = google_compute_subnetwork.soundmill.id
    network_ip = google_compute_address.nfs[0].address
  }
  service_account {
    email  = google_service_account.role["nfs"].email
    scopes = ["cloud-platform"]
  }
  shielded_instance_config {
    enable_secure_boot = true
  }
}

# The variant without NFS. No lifecycle rule: soundmill makes no multipart uploads, and its janitor removes what broke off.
resource "google_storage_bucket" "files" {
  count                       = var.bucket_storage ? 1 : 0
  name                        = "${var.project}-soundmill-files"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  soft_delete_policy {
    retention_duration_seconds = 604800
  }
}

resource "google_storage_bucket_iam_member" "files" {
  for_each = var.bucket_storage ? toset(["api", "worker", "janitor"]) : toset([])
  bucket   = google_storage_bucket.files[0].name
  role     = "roles/storage.objectUser"
  member   = google_service_account.role[each.key].member
}
