// Package deploy tests the files of the folder deploy with the libraries that read them: the chart
// with Helm's and Kubernetes' own, the compose file with Compose's. It is a module of its own,
// because these are large.
package deploy
