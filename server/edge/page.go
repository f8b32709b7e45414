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
	"regexp"
	"strings"
	"sync"
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
	// gzipped compresses the file when it is first asked for, because a server that starts again
	// has people waiting for it. It is nil if compression gains nothing.
	gzipped func() []byte
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

// builtInPage returns the routes of the page that is built into the program. They are made once.
var builtInPage = sync.OnceValues(func() ([]route, error) { return pageRoutes(web.Files()) })

// withPage adds those routes.
func withPage(routes []route) ([]route, error) {
	page, err := builtInPage()
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
		file.gzipped = sync.OnceValue(func() []byte { return compress(whole) })
	}
	return file, nil
}

func compress(whole []byte) []byte {
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // a known level
	_, _ = w.Write(whole)
	_ = w.Close() // to memory: neither call fails
	return packed.Bytes()
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
			content, etag = f.gzipped(), f.etag+"-gzip"
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// brokenLink matches the path of a link to a room, /#ROOM, in which some program has escaped the #,
// once or more.
var brokenLink = regexp.MustCompile(`^/%(?:25)*23([^/]*)(/?)$`)

// mendLink sends whoever follows such a link to the page, which finds the room in the rest. It
// returns false for any other request. The Location is relative, because a proxy may serve the page
// below a path of its own.
func mendLink(w http.ResponseWriter, r *http.Request) bool {
	parts := brokenLink.FindStringSubmatch(r.URL.EscapedPath())
	if parts == nil || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	page, fragment := "./", parts[1]
	if parts[2] != "" {
		page = "../"
	}
	if r.URL.RawQuery != "" {
		fragment += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", page+"#"+fragment)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusFound)
	return true
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
