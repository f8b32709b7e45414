package edge

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"usher/web"
)

// pagePolicy is the Content-Security-Policy of the page. Films may come from anywhere, because
// people name them (the page asks before it loads from another host); everything else comes from
// here. 'self' covers the WebSocket (CSP3, section 6.7.2.8).
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; " +
	"media-src 'self' blob: http: https:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// pageTypes are the content types by file extension. The system's table is not used, because it
// differs from machine to machine.
var pageTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
	".mp4":  "video/mp4",
}

// pageFile is one file of the page, ready to be sent.
type pageFile struct {
	contentType string
	etag        string // of whole, without quotes
	whole       []byte
	gzipped     []byte // nil if compression gains nothing
}

// pageRoutes are / and the files that it loads.
func pageRoutes(files fs.FS) ([]route, error) {
	var routes []route
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		file, err := readPageFile(files, name)
		if err != nil {
			return fmt.Errorf("the page's %s: %w", name, err)
		}
		where := "/" + name
		if name == "index.html" {
			where = "/{$}"
		}
		routes = append(routes, route{path: where, handler: file.serve})
		return nil
	})
	return routes, err
}

// withPage adds the routes of the page that is built into the program.
func withPage(routes []route) ([]route, error) {
	page, err := pageRoutes(web.Files())
	return append(routes, page...), err
}

func readPageFile(files fs.FS, name string) (*pageFile, error) {
	whole, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	contentType, ok := pageTypes[path.Ext(name)]
	if !ok {
		return nil, fmt.Errorf("no content type is known for %q", path.Ext(name))
	}
	sum := sha256.Sum256(whole)
	file := &pageFile{contentType: contentType, etag: hex.EncodeToString(sum[:8]), whole: whole}
	if !strings.HasPrefix(contentType, "video/") {
		var packed bytes.Buffer
		w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // a known level
		_, _ = w.Write(whole)
		_ = w.Close() // to memory: neither call fails
		file.gzipped = packed.Bytes()
	}
	return file, nil
}

// serve responds with the file. A browser keeps it and asks each time whether it has changed, so
// that a new version of the server is seen at once.
func (f *pageFile) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cache-Control", "no-cache")
	content, etag := f.whole, f.etag
	if f.gzipped != nil {
		h.Add("Vary", "Accept-Encoding")
		// Ranges refer to the whole file, not to its compressed form.
		if acceptsGzip(r) && r.Header.Get("Range") == "" {
			content, etag = f.gzipped, f.etag+"-gzip"
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// acceptsGzip reads Accept-Encoding (RFC 9110, section 12.5.3) as browsers write it. A client that
// gives gzip a weight gets the file uncompressed, which is always correct.
func acceptsGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			return true
		}
	}
	return false
}
