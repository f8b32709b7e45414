package server

import "errors"

// Reload reads certificates, API keys, the admin token and the secrets of webhooks again, and opens
// the file of the audit log again. What is not usable stays as it was, and the error says why.
func (s *Server) Reload() (err error) {
	if s.audit != nil {
		err = s.audit.Reopen()
	}
	err = errors.Join(err, s.webhooks.reload(s.config.Webhook.SecretFile))
	if s.certs != nil {
		err = errors.Join(err, s.certs.Reload())
	}
	return errors.Join(err, s.auth.Reload())
}
