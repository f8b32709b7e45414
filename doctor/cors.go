package doctor

import (
	"context"
	"net/http"
	"strings"
)

// checkCORS sends the preflight of a page of another origin that asks for TURN credentials.
func (e *examination) checkCORS(ctx context.Context) bool {
	const check = "cors"
	const remedy = "let the proxy pass OPTIONS and the Access-Control headers on as they are; usher sets them"
	origin := e.origin()
	r, err := e.ask(ctx, http.MethodOptions, "/turn-credentials", "Origin", origin,
		"Access-Control-Request-Method", http.MethodGet, "Access-Control-Request-Headers", "authorization")
	if err != nil {
		e.report(failure(check, remedy, "no response to a preflight: %v", cause(err)))
		return true
	}
	allowed := r.Header.Values("Access-Control-Allow-Origin")
	e.anyOrigin = len(allowed) == 1 && allowed[0] == "*"
	e.listed = strings.Contains(strings.Join(r.Header.Values("Vary"), ","), "Origin")
	headers := strings.ToLower(strings.Join(r.Header.Values("Access-Control-Allow-Headers"), ","))
	switch {
	case r.StatusCode/100 != 2:
		e.report(failure(check, remedy, "a preflight (OPTIONS) gets %s, so pages of other origins cannot ask", printable(r.Status)))
	case len(allowed) > 1:
		e.report(failure(check, "let the proxy add none of its own; usher sets them", "Access-Control-Allow-Origin comes %d times, so browsers refuse it", len(allowed)))
	case len(allowed) == 0 && e.listed:
		e.report(good(check, "no headers for %s, which is not on the server's list", origin))
	case len(allowed) == 0:
		e.report(failure(check, remedy, "no Access-Control-Allow-Origin, so pages of other origins cannot read responses"))
	case !e.anyOrigin && allowed[0] != origin:
		e.report(failure(check, remedy, "Access-Control-Allow-Origin is %s, not %s", printable(allowed[0]), origin))
	case !strings.Contains(headers, "authorization"):
		e.report(failure(check, remedy, "Access-Control-Allow-Headers lacks Authorization, so pages get no TURN credentials"))
	default:
		e.report(good(check, "pages of %s may ask", origin))
	}
	return true
}

// origin is that of the pages that are examined for.
func (e *examination) origin() string {
	if e.plan.Origin != "" {
		return e.plan.Origin
	}
	return e.target.origin()
}

// stranger is an origin that is on nobody's list: names that end in .invalid exist nowhere
// (RFC 2606).
const stranger = "https://doctor.invalid"

// checkOrigins opens WebSockets as pages of the origin, and of one that should not be allowed.
func (e *examination) checkOrigins(ctx context.Context) bool {
	const check = "origin"
	origin := e.origin()
	ws, refused := e.open(ctx, nil, roomID(), origin)
	switch {
	case refused == nil:
		ws.close()
	case refused.code == "ORIGIN_NOT_ALLOWED" && e.plan.Origin == "":
		e.report(warning(check, "--allow-origin "+origin+" on the server; --origin here if your pages come from elsewhere", "pages of %s may not connect", origin))
		return true
	default:
		f := e.refusedSocket(check, refused)
		if refused.code == "ORIGIN_NOT_ALLOWED" {
			f.Found, f.Do = "pages of "+origin+" may not connect", "--allow-origin "+origin+" on the server"
		}
		e.report(f)
		return true
	}
	if e.anyOrigin || !e.listed {
		e.report(good(check, "pages of every origin may connect, %s too", origin))
		return true
	}
	ws, refused = e.open(ctx, nil, roomID(), stranger)
	if refused == nil {
		ws.close()
		f := failure(check, "pass the header on", "a page of any origin may connect although the server has a list: the proxy drops Origin")
		f.Add = e.linesFor(originLines)
		e.report(f)
		return true
	}
	e.report(good(check, "pages of %s may connect, strangers may not", origin))
	return true
}
