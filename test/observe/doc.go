// Package observe tests the files of deploy that operators watch usher with: the dashboard for
// Grafana, and the alert rules for Prometheus, which promtool checks and runs.
package observe
