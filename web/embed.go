// Package web holds the page that usher serves at /: a room, its people, a
// film kept in sync, and the signaling drawn as it happens.
//
// The page is written in TypeScript (src) and built by build.ts into dist,
// which is committed, so that building usher needs no Node.js. `npm run build
// -w web` rebuilds it and `npm run fresh -w web` tells whether dist is what
// the sources give. The same folder is what the worker serves as static
// assets; dist/_headers is only for it.
package web

import (
	"embed"
	"io/fs"
)

//go:embed dist
var dist embed.FS

//go:embed dist-admin
var admin embed.FS

// AdminFiles are those of the admin page. The worker does not have it.
func AdminFiles() fs.FS {
	files, err := fs.Sub(admin, "dist-admin")
	if err != nil {
		panic(err) // dist-admin is a valid name
	}
	return files
}

// Files are the page's files, all in one folder: index.html and what it asks
// for. Every name is also its path on a server.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // dist is a valid name
	}
	return files
}
