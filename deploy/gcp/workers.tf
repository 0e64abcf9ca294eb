# Workers are all alike, so both a fixed number and a number that follows the queue are a group made from one template.
resource "google_compute_instance_template" "worker" {
  name_prefix             = "soundmill-worker-"
  machine_type            = var.worker_machine_type
  metadata_startup_script = local.startup["worker"]
  metadata                = { enable-oslogin = "TRUE" }

  disk {
    source_image = var.image
    disk_size_gb = var.worker_disk_gb
    boot         = true
  }
  network_interface {
    subnetwork = google_compute_subnetwork.soundmill.id
  }
  service_account {
    email  = google_service_account.role["worker"].email
    scopes = ["cloud-platform"]
  }
  shielded_instance_config {
    enable_secure_boot = true
  }
  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_instance_group_manager" "worker" {
  name               = "soundmill-worker"
  base_instance_name = "soundmill-worker"
  zone               = var.zone
  target_size        = var.scale_workers ? null : var.worker_count
  depends_on         = [local.ready]

  version {
    instance_template = google_compute_instance_template.worker.self_link_unique
  }
  # New ones first: a machine that is taken away drains, and what it could not end is due again at once.
  update_policy {
    type                  = "PROACTIVE"
    minimal_action        = "REPLACE"
    max_surge_fixed       = 1
    max_unavailable_fixed = 0
  }
}

# A value for the whole group, which is why the group is of one zone: regional groups don't take those.
resource "google_compute_autoscaler" "worker" {
  count  = var.scale_workers ? 1 : 0
  name   = "soundmill-worker"
  zone   = var.zone
  target = google_compute_instance_group_manager.worker.id

  autoscaling_policy {
    min_replicas    = var.worker_least
    max_replicas    = var.worker_most
    cooldown_period = 120
    metric {
      name = "prometheus.googleapis.com/soundmill_queue_oldest_waiting_seconds/gauge"
      # Every API tells the same age, and the autoscaler adds up what it finds: one of them is asked.
      filter = join(" AND ", [
        "resource.type = \"prometheus_target\"",
        "resource.labels.job = \"soundmill\"",
        "metric.labels.node = \"soundmill-api-0\"",
      ])
      target = var.waiting_target_seconds
      type   = "GAUGE"
    }
    # An empty queue says nothing of how long the running conversions take; take machines away slowly.
    scale_in_control {
      time_window_sec = 600
      max_scaled_in_replicas {
        percent = 25
      }
    }
  }
}
