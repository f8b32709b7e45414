module usher/test/bench

go 1.26.0

require (
	github.com/lesismal/nbio v1.6.8
	golang.org/x/sys v0.50.0
	usher v0.0.0
)

replace usher => ../..

require (
	github.com/lesismal/llib v1.2.2 // indirect
	golang.org/x/crypto v0.58.0 // indirect
)
