# A job with a script check, which Nomad runs inside the task and reports to Consul. Consul takes exit
# status 1 for a warning, and healthprobe has no other: ignore_warnings = false lets a warning count.

job "web" {
  group "web" {
    task "web" {
      driver = "docker"

      config {
        image = "registry.example.com/web:1.0"

        mount {
          type   = "tmpfs"
          target = "/run"
        }
      }

      env {
        LIVENESS_UNIT_NAME = "web"
      }

      service {
        name     = "web"
        provider = "consul"

        check {
          type     = "script"
          command  = "/healthprobe"
          args     = ["-live"]
          interval = "10s"
          timeout  = "5s"

          check_restart {
            limit           = 3
            grace           = "60s"
            ignore_warnings = false
          }
        }
      }
    }
  }
}
