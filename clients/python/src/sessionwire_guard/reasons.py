"""Why a session ended: the closed list of the contract, each with one sentence for a person. It may not know
who decided.
"""

from typing import Final

SENTENCES: Final = {
    "signed_out": "You signed out.",
    "signed_out_everywhere": "You were signed out because you signed out everywhere.",
    "revoked_by_admin": "An administrator signed you out.",
    "superseded": "You were signed out because you signed in on another device.",
    "user_suspended": "Your account was suspended.",
    "user_deleted": "Your account was removed.",
    "password_changed": "You were signed out because your password was changed.",
    "refresh_token_reused": "You were signed out because your session may have been copied.",
    "idle_timeout": "You were signed out because you were away for a long time.",
    "expired": "Your session ran out. Please sign in again.",
    "device_revoked": "This device was removed from your account.",
    "policy_changed": "You were signed out because the rules for your account changed.",
    "identity_provider_logout": "Your identity provider signed you out.",
    "revoke_all": "Everybody was signed out. Please sign in again.",
}
