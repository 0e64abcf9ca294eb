output "address" {
  description = "The public address: point the domain's A record here."
  value       = google_compute_global_address.entry.address
}

output "url" {
  description = "The service, once its certificate is there."
  value       = var.domain == "" ? "http://${google_compute_global_address.entry.address}" : "https://${var.domain}"
}

output "load_generator" {
  description = "How to reach the load generator."
  value       = var.load_generator ? "gcloud compute ssh soundmill-load --zone ${var.zone} --tunnel-through-iap" : null
}
