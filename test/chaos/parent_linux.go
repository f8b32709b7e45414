package chaos

import "syscall"

// dieWithParent lets no server outlive a test that was itself killed. The signal comes when the
// thread that started the process ends: campaign.run locks it.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
