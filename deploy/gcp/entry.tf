# The one public address: an HTTPS load balancer before the nginx of each API. nginx refuses the inner routes.
resource "google_compute_global_address" "entry" {
  name = "soundmill"
}

resource "google_compute_instance_group" "api" {
  name      = "soundmill-api"
  zone      = var.zone
  instances = google_compute_instance.api[*].self_link
  named_port {
    name = "http"
    port = 8080
  }
}

resource "google_compute_health_check" "api" {
  name                = "soundmill-api"
  check_interval_sec  = 5
  timeout_sec         = 4
  healthy_threshold   = 1
  unhealthy_threshold = 2
  http_health_check {
    port         = 8080
    request_path = "/health/ready"
  }
}

resource "google_compute_backend_service" "api" {
  name                  = "soundmill-api"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTP"
  port_name             = "http"
  health_checks         = [google_compute_health_check.api.id]
  # For a whole request: 10 GiB over a slow line, and streams of events.
  timeout_sec                     = 86400
  connection_draining_timeout_sec = 60
  backend {
    group = google_compute_instance_group.api.id
  }
}

resource "google_compute_url_map" "api" {
  name            = "soundmill"
  default_service = google_compute_backend_service.api.id
}

resource "google_compute_managed_ssl_certificate" "entry" {
  count = var.domain == "" ? 0 : 1
  name  = "soundmill"
  managed {
    domains = [var.domain]
  }
}

resource "google_compute_target_https_proxy" "entry" {
  count            = var.domain == "" ? 0 : 1
  name             = "soundmill"
  url_map          = google_compute_url_map.api.id
  ssl_certificates = google_compute_managed_ssl_certificate.entry[*].id
}

resource "google_compute_global_forwarding_rule" "https" {
  count                 = var.domain == "" ? 0 : 1
  name                  = "soundmill-https"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.entry.id
  port_range            = "443"
  target                = google_compute_target_https_proxy.entry[0].id
}

# Without a domain there is no certificate; with one, plain HTTP only says where to go.
resource "google_compute_url_map" "to_https" {
  count = var.domain == "" ? 0 : 1
  name  = "soundmill-to-https"
  default_url_redirect {
    https_redirect = true
    strip_query    = false
  }
}

resource "google_compute_target_http_proxy" "entry" {
  name    = "soundmill"
  url_map = var.domain == "" ? google_compute_url_map.api.id : google_compute_url_map.to_https[0].id
}

resource "google_compute_global_forwarding_rule" "http" {
  name                  = "soundmill-http"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.entry.id
  port_range            = "80"
  target                = google_compute_target_http_proxy.entry.id
}
