"""Who: customers, what is known about them, and their history, with returns as the user chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from userops.core.lazy import lazy_names

if TYPE_CHECKING:
    from userops.customers.arguments import ReturnsPolicy
    from userops.customers.attribute_rows import DatedValue
    from userops.customers.attributes import Attributes
    from userops.customers.channels import Channels
    from userops.customers.current_attributes import Customers
    from userops.customers.customer import Customer, Totals
    from userops.customers.erasure import Erasure
    from userops.customers.history import History
    from userops.customers.identifiers import (
        Email,
        Identifier,
        IdentifierKind,
        Normaliser,
        Phone,
        Trimmed,
    )
    from userops.customers.identities import Identities, LinkEvidence
    from userops.customers.identity_changes import (
        FollowsIdentity,
        IdentityChanges,
        MergeEvent,
        UnmergeEvent,
    )
    from userops.customers.identity_decisions import IdentityDecision, IdentityDecisions
    from userops.customers.identity_graph import IdentityGraph
    from userops.customers.links import Links, LinkSource
    from userops.customers.pseudonymised import pseudonymise
    from userops.customers.reach import Reach
    from userops.customers.reach_rows import ReachRow, ReachState
    from userops.customers.resolution import Resolution, ResolutionRow
    from userops.customers.suspicion import Suspicion

__all__ = [
    "Attributes",
    "Channels",
    "Customer",
    "Customers",
    "DatedValue",
    "Email",
    "Erasure",
    "FollowsIdentity",
    "History",
    "Identifier",
    "IdentifierKind",
    "Identities",
    "IdentityChanges",
    "IdentityDecision",
    "IdentityDecisions",
    "IdentityGraph",
    "LinkEvidence",
    "LinkSource",
    "Links",
    "MergeEvent",
    "Normaliser",
    "Phone",
    "Reach",
    "ReachRow",
    "ReachState",
    "Resolution",
    "ResolutionRow",
    "ReturnsPolicy",
    "Suspicion",
    "Totals",
    "Trimmed",
    "UnmergeEvent",
    "pseudonymise",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "arguments": ("ReturnsPolicy",),
        "attribute_rows": ("DatedValue",),
        "attributes": ("Attributes",),
        "current_attributes": ("Customers",),
        "channels": ("Channels",),
        "customer": ("Customer", "Totals"),
        "erasure": ("Erasure",),
        "history": ("History",),
        "identifiers": (
            "Email",
            "Identifier",
            "IdentifierKind",
            "Normaliser",
            "Phone",
            "Trimmed",
        ),
        "identities": ("Identities", "LinkEvidence"),
        "identity_changes": (
            "FollowsIdentity",
            "IdentityChanges",
            "MergeEvent",
            "UnmergeEvent",
        ),
        "identity_decisions": ("IdentityDecision", "IdentityDecisions"),
        "identity_graph": ("IdentityGraph",),
        "links": ("LinkSource", "Links"),
        "pseudonymised": ("pseudonymise",),
        "reach": ("Reach",),
        "reach_rows": ("ReachRow", "ReachState"),
        "resolution": ("Resolution", "ResolutionRow"),
        "suspicion": ("Suspicion",),
    },
)
