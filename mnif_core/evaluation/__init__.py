"""The paper's tables and figures for any trained field."""
