"""The MCP server: what an agent may read and, if it is allowed, pause and resume. It needs the extra ``mcp``."""
