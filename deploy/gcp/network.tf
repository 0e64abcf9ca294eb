# Instances have private addresses only. The load balancer is the one way in; they go out through NAT.
resource "google_compute_network" "soundmill" {
  name                    = "soundmill"
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "soundmill" {
  name                     = "soundmill"
  network                  = google_compute_network.soundmill.id
  ip_cidr_range            = var.subnet_range
  region                   = var.region
  private_ip_google_access = true
}

resource "google_compute_router" "soundmill" {
  name    = "soundmill"
  network = google_compute_network.soundmill.id
  region  = var.region
}

resource "google_compute_router_nat" "soundmill" {
  name                               = "soundmill"
  router                             = google_compute_router.soundmill.name
  region                             = var.region
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
}

# Cloud SQL's private address lives in a range of ours, in a network of Google's.
resource "google_compute_global_address" "services" {
  name          = "soundmill-services"
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 20
  network       = google_compute_network.soundmill.id
}

resource "google_service_networking_connection" "services" {
  network                 = google_compute_network.soundmill.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.services.name]
}

# Fixed private addresses of what others are told by name; the zone below is visible in this network only.
resource "google_compute_address" "api" {
  count        = var.api_count
  name         = "soundmill-api-${count.index}"
  address_type = "INTERNAL"
  subnetwork   = google_compute_subnetwork.soundmill.id
  region       = var.region
}

resource "google_compute_address" "broker" {
  name         = "soundmill-broker"
  address_type = "INTERNAL"
  subnetwork   = google_compute_subnetwork.soundmill.id
  region       = var.region
}

resource "google_compute_address" "nfs" {
  count        = var.bucket_storage ? 0 : 1
  name         = "soundmill-nfs"
  address_type = "INTERNAL"
  subnetwork   = google_compute_subnetwork.soundmill.id
  region       = var.region
}

resource "google_dns_managed_zone" "inside" {
  name       = "soundmill-inside"
  dns_name   = "soundmill.internal."
  visibility = "private"
  private_visibility_config {
    networks {
      network_url = google_compute_network.soundmill.id
    }
  }
}

resource "google_dns_record_set" "inside" {
  for_each = merge(
    {
      api      = google_compute_address.api[*].address
      broker   = [google_compute_address.broker.address]
      database = [google_sql_database_instance.soundmill.private_ip_address]
    },
    var.bucket_storage ? {} : { nfs = google_compute_address.nfs[*].address },
  )
  managed_zone = google_dns_managed_zone.inside.name
  name         = "${each.key}.soundmill.internal."
  type         = "A"
  ttl          = 30
  rrdatas      = each.value
}

locals {
  # Who may call whom, by the identity that an instance runs as: an address proves nothing, an identity is granted.
  api     = [google_service_account.role["api"].email]
  worker  = [google_service_account.role["worker"].email]
  janitor = [google_service_account.role["janitor"].email]
  broker  = [google_service_account.role["broker"].email]
  nfs     = [google_service_account.role["nfs"].email]
  load    = [google_service_account.role["load"].email]

  rules = {
    worker-to-api = { from = local.worker, to = local.api, ports = ["8081"] }
    load-to-api   = { from = local.load, to = local.api, ports = ["8080"] }
    to-broker     = { from = concat(local.api, local.worker, local.janitor), to = local.broker, ports = ["6379"] }
    to-nfs        = { from = concat(local.api, local.worker, local.janitor), to = local.nfs, ports = ["2049"] }
  }
}

# What no rule allows is refused: a network has no way in by itself.
resource "google_compute_firewall" "inside" {
  for_each                = local.rules
  name                    = "soundmill-${each.key}"
  network                 = google_compute_network.soundmill.id
  direction               = "INGRESS"
  source_service_accounts = each.value.from
  target_service_accounts = each.value.to
  allow {
    protocol = "tcp"
    ports    = each.value.ports
  }
}

resource "google_compute_firewall" "load_balancer" {
  name      = "soundmill-load-balancer"
  network   = google_compute_network.soundmill.id
  direction = "INGRESS"
  # Google's front ends and health checks.
  source_ranges           = ["130.211.0.0/22", "35.191.0.0/16"]
  target_service_accounts = local.api
  allow {
    protocol = "tcp"
    ports    = ["8080"]
  }
}

resource "google_compute_firewall" "operators" {
  name      = "soundmill-operators"
  network   = google_compute_network.soundmill.id
  direction = "INGRESS"
  # Identity-Aware Proxy: `gcloud compute ssh --tunnel-through-iap`, for those whom the project lets.
  source_ranges           = ["35.235.240.0/20"]
  target_service_accounts = [for each in google_service_account.role : each.email]
  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}

# Workers read what strangers send. They reach what they need and nothing else in the network: not the database, not each other.
resource "google_compute_firewall" "worker_to_database" {
  name                    = "soundmill-worker-to-database"
  network                 = google_compute_network.soundmill.id
  direction               = "EGRESS"
  target_service_accounts = concat(local.worker, local.load, local.broker, local.nfs)
  destination_ranges      = ["${google_compute_global_address.services.address}/${google_compute_global_address.services.prefix_length}"]
  deny {
    protocol = "all"
  }
}
