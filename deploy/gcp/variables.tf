variable "project" {
  description = "The Google Cloud project."
  type        = string
}

variable "region" {
  description = "Where everything is."
  type        = string
  default     = "europe-west3"
}

variable "zone" {
  description = "Where the instances are. One zone: the autoscaler's per-group metrics exist for zonal groups only."
  type        = string
  default     = "europe-west3-a"
}

variable "release" {
  description = "What deploy/make-release.sh made, copied to, gs://bucket/folder."
  type        = string
  validation {
    condition     = can(regex("^gs://[^/]+/.+[^/]$", var.release))
    error_message = "release is gs://bucket/folder, without a slash at its end."
  }
}

variable "worker_release" {
  description = "The workers' release while an upgrade is under way, the one before. Empty: the same as `release`."
  type        = string
  default     = ""
}

variable "settings" {
  description = "Further settings of all roles by their names, { SOUNDMILL_KEEP = \"86400\" } and so on. No secrets; what the start-up script gives itself wins."
  type        = map(string)
  default     = {}
}

variable "domain" {
  description = "The service's host name, whose A record is to point at the output `address`. Empty: plain HTTP, for a trial only."
  type        = string
  default     = ""
}

variable "image" {
  description = "Operating system of all instances: Python 3.12 or newer, Landlock in the kernel."
  type        = string
  default     = "projects/debian-cloud/global/images/family/debian-13"
}

variable "subnet_range" {
  description = "Private addresses of the instances."
  type        = string
  default     = "10.20.0.0/24"
}

variable "api_count" {
  description = "API instances."
  type        = number
  default     = 2
  validation {
    condition     = var.api_count >= 1 && var.api_count <= 9
    error_message = "api_count is 1 to 9."
  }
}

variable "api_machine_type" {
  description = "Machine of an API instance."
  type        = string
  default     = "e2-standard-2"
}

variable "worker_count" {
  description = "Workers when they are a fixed number (scale_workers = false)."
  type        = number
  default     = 2
}

variable "scale_workers" {
  description = "Let the number of workers follow the age of the oldest waiting task."
  type        = bool
  default     = false
}

variable "worker_most" {
  description = "Most workers of the scaled group."
  type        = number
  default     = 20
}

variable "worker_least" {
  description = "Fewest workers of the scaled group."
  type        = number
  default     = 1
}

variable "waiting_target_seconds" {
  description = "Age of the oldest waiting task that the scaled group aims at."
  type        = number
  default     = 30
}

variable "worker_machine_type" {
  description = "Machine of a worker. Conversions are limited by the processor: about one a core at a time."
  type        = string
  default     = "c3d-highcpu-4"
}

variable "nfs_disk_gb" {
  description = "Size of the shared directory's disk."
  type        = number
  default     = 500
}

variable "database_tier" {
  description = "Machine of Cloud SQL."
  type        = string
  default     = "db-custom-2-7680"
}

variable "database_high_availability" {
  description = "A standby of the database in another zone."
  type        = bool
  default     = true
}

variable "load_generator" {
  description = "An instance inside the network to make load from."
  type        = bool
  default     = false
}

variable "worker_disk_gb" {
  description = "Size of a worker's disk. With a bucket it holds the source and the result of each running conversion."
  type        = number
  default     = 50
}

variable "bucket_storage" {
  description = "Keep files in a bucket instead of on NFS. Choose before the first upload: files aren't moved."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Refuse to destroy the database and the NFS server. Its disk is never destroyed by Terraform."
  type        = bool
  default     = true
}
